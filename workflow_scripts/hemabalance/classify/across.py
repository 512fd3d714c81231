"""Predictions of images of other laboratories by a model that has seen labels of one laboratory alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.average import LEAST_PROBABILITY
from hemabalance.classify.model import Model
from hemabalance.classify.network_model import NetworkModel
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.predictions import predictions_table, write_predictions
from hemabalance.classify.zoom import mean_probabilities_of_views
from hemabalance.dataset.across import shared_images
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.dataset.splits import UNLABELLED_HALF
from hemabalance.dataset.working_size import read_reduced
from hemabalance.errors import InputError
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class AcrossSettings:
    """How a model predicts images.

    Attributes:
        source: the source whose labels the model has seen.
        poses, zooms: see `zoom.mean_probabilities_of_views`.
        own_statistics: whether means and variances of batch normalisation are computed anew, from the unlabelled half
            of the images of each other source, before this source's images are predicted.
    """

    source: str
    poses: bool
    zooms: tuple[float, ...]
    own_statistics: bool


def predict_across(
    weights: Path,
    images: ImageSet,
    split: pd.DataFrame,
    settings: AcrossSettings,
    runtime: Runtime,
    path: Path,
    *,
    seen: Sequence[SeenImages],
    threads: int,
) -> None:
    """Predict the test images of the labelled source, and all images of other sources of its classes.

    Args:
        weights: of the model, which was trained on the labelled source.
        images: images of all sources, as a normaliser returned them.
        split: of a protocol across sources (`dataset.across`).
        settings: how the model predicts images.
        runtime: device and precision of the model.
        path: Parquet to write (`predictions.SCHEMA`, with confidences that are not calibrated).
        seen: the real images that fits of the normaliser used.
        threads: images that are decoded at once.

    Raises:
        InputError: the normaliser saw a test image, weights or images are missing or damaged, the model has no batch
            normalisation whose statistics could be computed anew, or its outputs are not finite.
    """
    own = split[(split["source"] == settings.source) & (split["part"] == "test")]
    _require_unseen(split, seen)
    tables = []
    for source, rows in [(settings.source, own), *shared_images(split, settings.source).groupby("source")]:
        model = model_for(str(source), split, weights, images, settings, runtime, threads=threads)
        probabilities = predict_images(rows["image_id"], model, images, settings, threads=threads)
        # The softmax of the logarithm of probabilities are these probabilities.
        logits = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
        tables.append(predictions_table(rows, logits, 1.0, classes=model.classes))
    write_predictions(pd.concat(tables).sort_values("image_id", ignore_index=True), path)


def model_for(
    source: str,
    split: pd.DataFrame,
    weights: Path,
    images: ImageSet,
    settings: AcrossSettings,
    runtime: Runtime,
    *,
    threads: int,
) -> Model:
    """A model, ready to predict images of `source`; other arguments and errors as `predict_across`."""
    model = open_classifier(weights, runtime)
    if settings.own_statistics and source != settings.source:
        unlabelled = split[(split["source"] == source) & (split["part"] == UNLABELLED_HALF)]
        _use_statistics(model, read_reduced(images, unlabelled["image_id"], model.size, threads=threads), weights)
    return model


def predict_images(
    image_ids: pd.Series, model: Model, images: ImageSet, settings: AcrossSettings, *, threads: int
) -> np.ndarray:
    """Probabilities of images of one source, float64 (n, classes), rows summing to 1.

    Args:
        image_ids: str (n,).
        model: result of `model_for` of this source.
        images, settings, threads: see `predict_across`, with the same errors.
    """
    pixels = read_reduced(images, image_ids, model.size, threads=threads)
    return mean_probabilities_of_views(model, pixels, poses=settings.poses, zooms=settings.zooms)


def _require_unseen(split: pd.DataFrame, seen: Sequence[SeenImages]) -> None:
    test = set(split.loc[split["part"] == "test", "image_id"])
    for fit in seen:
        if leaked := sorted(test & set(fit.table["image_id"])):
            problem = f"saw {len(leaked)} test images, {leaked[0]} first, before they are predicted"
            raise InputError(f"the {fit}", problem, "Delete the results of its fit and run the workflow again")


def _use_statistics(model: Model, pixels: np.ndarray, weights: Path) -> None:
    if not isinstance(model, NetworkModel) or not len(pixels) or not model.use_statistics_of(pixels):
        problem = "is a model without batch normalisation, or there are no unlabelled images to compute statistics from"
        raise InputError(weights, problem, "Set `statistics: training` in the row of the section `across`")
