"""What a trained model makes of its balanced set: predictions of the real test images, and how training images look."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.entry import open_by_description
from hemabalance.classify.evaluate import outputs, predict_test
from hemabalance.classify.fit import part_of
from hemabalance.classify.model import Model
from hemabalance.classify.unlike import TrainingLook, fit_look
from hemabalance.dataset.imageset import ImageSet
from hemabalance.training.device import Runtime


def predict_balanced(
    weights: Path,
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    runtime: Runtime,
    *,
    predictions: Path,
    calibration: Path,
    unlike: Path,
    quantile: float,
    threads: int,
) -> None:
    """Predict the real test images of a balanced set, and describe the real images that the model learned from.

    Each image is read once and goes through the model once. Confidences are calibrated on the validation images, and
    the real ones among them say how far from the training images is too far.

    Args:
        weights: of the model.
        rows: the balanced set.
        sets: its image sets by name.
        runtime: where the model runs.
        predictions, calibration: to write; see `evaluate.predict_test`.
        unlike: safetensors to write; see `unlike.fit_look`.
        quantile: see there.
        threads: images at once.

    Raises:
        InputError: the weights or an image set are missing, damaged or others, the model's outputs are not finite, or
            there are too few real training images.
    """
    model = open_by_description(weights, runtime)
    # Under `thesis` the test part holds synthetic images; tested is on real ones alone.
    real = rows[rows["origin"] == "real"]
    held, pixels = part_of(rows, "validation", sets, model.size, threads=threads)
    logits = outputs(model, pixels)
    own = (held["origin"] == "real").to_numpy()
    look = _look(model, real, sets, pixels[own], logits[own], quantile=quantile, threads=threads)
    del pixels
    test, pixels = part_of(real, "test", sets, model.size, threads=threads)
    predict_test(
        held["label"].to_numpy(dtype=str),
        logits,
        test[["image_id", "source", "label"]],
        outputs(model, pixels),
        trained=set(rows.loc[rows["part"] == "train", "label"]),
        predictions=predictions,
        calibration=calibration,
    )
    look.save(unlike)


def _look(
    model: Model,
    real: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    held: np.ndarray,
    held_logits: np.ndarray,
    *,
    quantile: float,
    threads: int,
) -> TrainingLook:
    """What the real training images look like; they are no longer in memory when it is told."""
    learned, pixels = part_of(real, "train", sets, model.size, threads=threads)
    sources = learned["source"].to_numpy(dtype=str)
    return fit_look(pixels, outputs(model, pixels), sources, held, held_logits, quantile=quantile)
