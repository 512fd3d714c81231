"""Train the classifier that judges synthetic images, on real training images alone."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.data import trained_on
from hemabalance.taxonomy import CLASSES
from hemabalance.training.classifier import ClassifierSettings, fit_classifier
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    out, wanted = snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    split = read_split(Path(snakemake.input.split))
    fit_classifier(
        trained_on(held, split, wanted["protocol"], CLASSES, wanted["size"], threads=run.threads),
        "colour",
        ClassifierSettings(**wanted["classifier"]),
        FitJob(runtime, run.state, Path(out.history), run.threads, wanted["seed"]),
        weights=Path(out.weights),
        training=Path(out.training),
    )
