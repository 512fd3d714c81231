"""Average predictions of images of all sources over several models."""

from pathlib import Path

from hemabalance.classify.average import write_average
from hemabalance.stage import stage

with stage(snakemake):
    write_average([Path(path) for path in snakemake.input.members], Path(snakemake.output.predictions))
