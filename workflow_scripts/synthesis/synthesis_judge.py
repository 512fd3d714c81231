"""Train the classifier that judges synthetic images, on real training images alone."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.fit_judge import fit_judge
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier import SmallClassifierSettings

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    out, wanted = snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    fit_judge(
        held,
        read_split(Path(snakemake.input.split)),
        wanted["protocol"],
        wanted["size"],
        SmallClassifierSettings(**wanted["classifier"]),
        FitJob(runtime, run.state, Path(out.history), run.threads, wanted["seed"]),
        weights=Path(out.weights),
        training=Path(out.training),
        seen=Path(out.seen),
    )
