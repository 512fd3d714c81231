"""Train the classifier that judges synthetic images: on real training images alone, which no generator made."""

from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.protocols import Protocol
from hemabalance.synthesis.data import training_images, training_rows
from hemabalance.taxonomy import CLASSES
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings


def fit_judge(
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    size: int,
    settings: SmallClassifierSettings,
    job: FitJob,
    *,
    weights: Path,
    training: Path,
    seen: Path,
) -> None:
    """Train it on the images of all classes that the protocol lets training see.

    Args:
        held: the normalised images of both sources.
        split: of the protocol.
        protocol: decides what is visible.
        size: side of the images that it is to judge, in pixels.
        settings, job, weights, training: see `training.classifier.fit_classifier`.
        seen: Parquet to write (`dataset.seen`): the images that it learned from.

    Raises:
        InputError: the data cannot serve, the training diverged, or the disk is full.
    """
    images = training_images(held, split, protocol, CLASSES, size, threads=job.threads)
    fit_classifier(images, "colour", settings, job, weights=weights, training=training)
    if job.runtime.rank == 0:
        write_seen_images(split, training_rows(split, protocol, CLASSES)["image_id"], seen)
