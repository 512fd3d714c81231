"""Check that an archive placed by hand exists; the error says where to put it."""

from pathlib import Path

from hemabalance.sources.acquire import require_archive
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage

with stage(snakemake) as run:
    catalogue = load_catalogue(Path(snakemake.input.catalogue))
    source = snakemake.params.source
    require_archive(source, catalogue.get(source), Path(snakemake.output.archive))
