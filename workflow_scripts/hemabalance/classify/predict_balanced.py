"""What a trained model makes of its balanced set: predictions of the real test images, and how training images look."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.evaluate import outputs, predict_test
from hemabalance.classify.fit import part_of
from hemabalance.classify.model import Model
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector, fit_detector
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
    out_of_distribution: Path,
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
        out_of_distribution: safetensors to write; see `out_of_distribution.fit_detector`.
        quantile: see there.
        threads: images at once.

    Raises:
        InputError: the weights or an image set are missing, damaged or others, the model's outputs are not finite, or
            there are too few real training images.
    """
    model = open_classifier(weights, runtime)
    # Under `thesis` the test part holds synthetic images; tested is on real ones alone.
    real = rows[rows["origin"] == "real"]
    held, pixels = part_of(rows, "validation", sets, model.size, threads=threads)
    logits = outputs(model, pixels)
    own = (held["origin"] == "real").to_numpy()
    look = _fit_detector(model, real, sets, pixels[own], logits[own], quantile=quantile, threads=threads)
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
    look.save(out_of_distribution)


def _fit_detector(
    model: Model,
    real: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    held: np.ndarray,
    held_logits: np.ndarray,
    *,
    quantile: float,
    threads: int,
) -> OutOfDistributionDetector:
    """What the real training images look like; they are no longer in memory when it is told."""
    learned, pixels = part_of(real, "train", sets, model.size, threads=threads)
    sources = learned["source"].to_numpy(dtype=str)
    return fit_detector(pixels, outputs(model, pixels), sources, held, held_logits, quantile=quantile)
