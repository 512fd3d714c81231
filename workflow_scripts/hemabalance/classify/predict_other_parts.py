"""Predictions of images that a leak-free test leaves out: synthetic images, and the real training images.

They show how much better a classifier looks if such images count as test images (`report.classify.protocol_gain`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import REAL, accepted_images, read_images
from hemabalance.classify.evaluate import outputs
from hemabalance.classify.fit import read_part
from hemabalance.classify.model import Model
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.predictions import predictions_table, write_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.training.device import Runtime

IN_TEST_PART, LEFT_OVER, TRAINED_ON = "in the test part", "left over", "trained on"
"""Where synthetic images come from, in the column `source` of their predictions: the test part of the balanced set
(under `thesis`), images that passed the gate and are not in the set, or training images of the classifier."""


@dataclass(frozen=True)
class OtherParts:
    """Files to write: predictions (`predictions.SCHEMA`, with confidences that are not calibrated)."""

    synthetic: Path
    training: Path


def synthetic_images(
    rows: pd.DataFrame, indexes: Mapping[str, pd.DataFrame], gates: Mapping[str, pd.DataFrame | None]
) -> pd.DataFrame:
    """The synthetic images to score: those of the test part if there are any; else, for each class, those left over.

    A class without images left over has those that the classifier was trained on. In a class that the set fills up,
    images are of the generator that fills it up.

    Args:
        rows: the balanced set.
        indexes: generator -> index of its image set.
        gates: generator -> its `gate.parquet`; None without a gate.

    Returns:
        `image_id, image_set, sha256, label, source`, no row without synthetic images.
    """
    columns = ["image_id", "image_set", "sha256", "label"]
    used = rows[rows["origin"] == "synthetic"]
    in_test = used[used["part"] == "test"]
    if len(in_test):
        return in_test[columns].assign(source=IN_TEST_PART).reset_index(drop=True)
    accepted = [accepted_images(indexes[name], gates[name]).assign(image_set=name) for name in indexes]
    left = pd.concat([table[columns] for table in accepted], ignore_index=True) if accepted else used[columns]
    filled_by = dict(zip(used["label"], used["image_set"], strict=True))
    of_filler = left["image_set"] == left["label"].map(filled_by).fillna(left["image_set"])
    left = left[of_filler & ~left["image_id"].isin(used["image_id"])].drop_duplicates("image_id")
    trained = used[(used["part"] == "train") & ~used["label"].isin(left["label"])]
    chosen = [left.assign(source=LEFT_OVER), trained[columns].assign(source=TRAINED_ON)]
    return pd.concat(chosen, ignore_index=True)


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
