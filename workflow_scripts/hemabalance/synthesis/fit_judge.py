"""Train the classifier that judges synthetic images, on real training images only."""

from collections.abc import Sequence
from pathlib import Path

from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.synthesis.data import RealImageSource
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings


def fit_judge(
    source: RealImageSource,
    classes: Sequence[str],
    size: int,
    settings: SmallClassifierSettings,
    job: FitJob,
    *,
    weights: Path,
    training: Path,
    seen: Path,
) -> None:
    """Train the classifier on the classes of the run, on the images that the protocol lets training see.

    Args:
        source: the real images.
        classes: the classes of the run; one without a training image is unknown to the classifier.
        size: side of the images to judge, in pixels.
        settings, job, weights, training: see `training.classifier.fit_classifier`.
        seen: Parquet to write (`dataset.seen_images`): the training images.

    Raises:
        InputError: the data are unsuitable, the training diverged, or the disk is full.
    """
    images = source.read_training_images(classes, size)
    fit_classifier(images, "colour", settings, job, weights=weights, training=training)
    if job.runtime.rank == 0:
        write_seen_images(source.split, source.protocol, source.training_rows(classes)["image_id"], seen)
