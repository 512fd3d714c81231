"""Train a small classifier on source A alone."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets, training_images
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

with stage(snakemake) as run, ExitStack() as stack:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    known = open_sets(inputs.images, inputs.indexes, stack)["a"]
    fit_classifier(
        training_images(known, read_split(Path(inputs.split)), settings["protocol"], threads=run.threads),
        settings["augmentation"],
        SmallClassifierSettings.of(settings["classifier"]),
        FitJob(runtime, run.state, Path(out.history), run.threads, settings["seed"]),
        weights=Path(out.weights),
        training=Path(out.training),
    )
