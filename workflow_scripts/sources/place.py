"""Check that an archive placed by hand exists; the error says where to put it."""

from pathlib import Path

from hemabalance.sources.acquire import require_archive
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage

with stage(snakemake) as run:
    catalogue = load_catalogue(Path(snakemake.input.catalogue))
    require_archive(catalogue.get(snakemake.params.source), Path(snakemake.output.archive))
