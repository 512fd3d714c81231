"""Predictions of images that a leak-free test leaves out: synthetic images, and the real training images.

They show how much better a classifier looks if such images count as test images (`report.classify.protocol_gain`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import REAL, read_images
from hemabalance.classify.evaluate import outputs
from hemabalance.classify.fit import read_part
from hemabalance.classify.model import Model
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.other_images import synthetic_images
from hemabalance.classify.predictions import predictions_table, write_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class OtherParts:
    """Files to write: predictions (`predictions.SCHEMA`, with confidences that are not calibrated)."""

    synthetic: Path
    training: Path


def predict_other_parts(
    weights: Path,
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    gates: Mapping[str, pd.DataFrame | None],
    runtime: Runtime,
    files: OtherParts,
    *,
    threads: int,
) -> None:
    """Predict synthetic images (`synthetic_images`) and the real training images of a balanced set.

    Args:
        weights: weights of the model.
        rows: the balanced set.
        sets: its image sets by name.
        gates: generator -> its `gate.parquet`; None without a gate.
        runtime: device and precision of the model.
        files: files to write.
        threads: images that are processed at once.

    Raises:
        InputError: the weights or an image set are missing, damaged or of another run, or logits are not finite.
    """
    model = open_classifier(weights, runtime)
    indexes = {name: images.index for name, images in sets.items() if name != REAL}
    synthetic = synthetic_images(rows, indexes, gates)
    pixels = read_images(synthetic, sets, model.size, threads=threads)
    _write(model, synthetic, pixels, files.synthetic)
    training, pixels = read_part(rows[rows["origin"] == "real"], "train", sets, model.size, threads=threads)
    _write(model, training, pixels, files.training)


def _write(model: Model, rows: pd.DataFrame, pixels: np.ndarray, path: Path) -> None:
    logits = outputs(model, pixels)
    write_predictions(predictions_table(rows, logits, 1.0, classes=model.classes), path)
