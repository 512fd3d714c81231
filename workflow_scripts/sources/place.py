"""Say which archive a person has to put where."""

from pathlib import Path

from hemabalance.sources.acquire import explain_missing
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage

with stage(snakemake) as run:
    catalogue = load_catalogue(Path(snakemake.input.catalogue))
    explain_missing(catalogue[snakemake.params.source], Path(snakemake.output.archive))
