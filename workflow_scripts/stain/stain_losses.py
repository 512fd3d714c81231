"""Draw how the losses of the trained normalisers went."""

from pathlib import Path

from hemabalance.report.losses import losses_figure, read_history
from hemabalance.stage import stage

with stage(snakemake) as run:
    files = zip(run.settings["normalizers"], snakemake.input.histories, strict=True)
    losses_figure({name: read_history(Path(path)) for name, path in files}, Path(snakemake.output.figure))
