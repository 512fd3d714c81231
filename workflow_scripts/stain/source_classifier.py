"""Train a small classifier on source A alone."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets, training_images
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier import SmallClassifierSettings

with stage(snakemake) as run, ExitStack() as stack:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    known = open_sets(given.images, given.indexes, stack)["a"]
    fit_classifier(
        training_images(known, read_split(Path(given.split)), wanted["protocol"], threads=run.threads),
        wanted["augmentation"],
        SmallClassifierSettings.of(wanted["classifier"]),
        FitJob(runtime, run.state, Path(out.history), run.threads, wanted["seed"]),
        weights=Path(out.weights),
        training=Path(out.training),
    )
