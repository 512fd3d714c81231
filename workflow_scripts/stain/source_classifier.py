"""Train small classifiers on source A alone: with its own colours, and with random ones."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.data import open_pair, reference_images
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

with stage(snakemake) as run, ExitStack() as stack:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    pair = open_pair(settings["pair"], images=inputs.images, indexes=inputs.indexes, stack=stack)
    images = reference_images(
        images=pair, split=read_split(Path(inputs.split)), protocol=settings["protocol"], threads=run.threads
    )
    for name, *files in zip(settings["augmentations"], out.weights, out.history, out.training, strict=True):
        weights, history, training = map(Path, files)
        fit_classifier(
            images=images,
            augmentation=name,
            settings=SmallClassifierSettings.from_plain(settings["classifier"]),
            job=FitJob(
                runtime=runtime, state=run.state / name, history=history, threads=run.threads, seed=settings["seed"]
            ),
            weights=weights,
            training=training,
        )
