"""Train a small classifier on source A alone."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets, training_images
from hemabalance.stain.source_classifier import ClassifierSettings, fit_source_classifier
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    known = open_sets(given.images, given.indexes, stack)["a"]
    split = read_split(Path(given.split))
    fit_source_classifier(
        training_images(known, split, wanted["protocol"], threads=run.threads),
        wanted["augmentation"],
        ClassifierSettings(**wanted["classifier"]),
        Path(out.weights),
        Path(out.training),
        state=run.state,
        history=Path(out.history),
        runtime=runtime,
    )
