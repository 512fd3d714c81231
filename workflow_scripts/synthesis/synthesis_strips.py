"""Draw what the same latents gave along a training."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.synthesis.samples import training_strips
from hemabalance.stage import stage

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as snapshots:
    training_strips(snapshots, Path(snakemake.output.figure), of=run.settings["of"])
