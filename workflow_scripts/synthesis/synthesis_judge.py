"""Train the classifier that judges synthetic images, on real training images alone."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.fit_judge import fit_judge
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    out, settings = snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    fit_judge(
        held,
        read_split(Path(snakemake.input.split)),
        settings["protocol"],
        settings["size"],
        SmallClassifierSettings(**settings["classifier"]),
        FitJob(runtime, run.state, Path(out.history), run.threads, settings["seed"]),
        weights=Path(out.weights),
        training=Path(out.training),
        seen=Path(out.seen),
    )
