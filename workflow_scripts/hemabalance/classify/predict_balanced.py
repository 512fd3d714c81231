"""Evaluation of a trained model on its balanced set: test predictions, calibration and out-of-distribution detector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.evaluate import outputs, predict_test
from hemabalance.classify.fit import read_part
from hemabalance.classify.model import Model
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector, fit_detector
from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class PredictionFiles:
    """Files to write; see `evaluate.predict_test` and `out_of_distribution.fit_detector`."""

    predictions: Path
    calibration: Path
    out_of_distribution: Path


def predict_balanced(
    weights: Path,
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    runtime: Runtime,
    files: PredictionFiles,
    *,
    classes: Sequence[str],
    quantile: float,
    threads: int,
) -> None:
    """Predict the real test images of a balanced set, calibrate, and fit the out-of-distribution detector.

    Each image is read and passed through the model once. The validation images calibrate the confidences; the real ones
    among them set the threshold of the detector, which is fitted on the real training images.

    Args:
        weights: weights of the model.
        rows: the balanced set.
        sets: its image sets by name.
        runtime: device and precision of the model.
        files: files to write.
        classes: classes of the run, which must be those of the model.
        quantile: see `out_of_distribution.fit_detector`.
        threads: images that are processed at once.

    Raises:
        InputError: the weights or an image set are missing, damaged or of another run, the model has other classes than
            the run, its logits are not finite, or there are too few real training images.
    """
    model = open_classifier(weights, runtime)
    _require_classes(weights, model.classes, classes)
    # Under `thesis` the test part also holds synthetic images; only real ones are tested on.
    real = rows[rows["origin"] == "real"]
    validation, pixels = read_part(rows, "validation", sets, model.size, threads=threads)
    logits = outputs(model, pixels, what="validation images")
    is_real = (validation["origin"] == "real").to_numpy()
    detector = _fit_detector(model, real, sets, pixels[is_real], logits[is_real], quantile=quantile, threads=threads)
    del pixels
    test, pixels = read_part(real, "test", sets, model.size, threads=threads)
    predict_test(
        validation["label"].to_numpy(dtype=str),
        logits,
        test[["image_id", "source", "label"]],
        outputs(model, pixels, what="test images"),
        classes=model.classes,
        trained_classes=set(rows.loc[rows["part"] == "train", "label"]),
        predictions=files.predictions,
        calibration=files.calibration,
    )
    detector.save(files.out_of_distribution)


def _require_classes(weights: Path, of_model: Sequence[str], of_run: Sequence[str]) -> None:
    if tuple(of_model) != tuple(of_run):
        problem = f"has the classes {', '.join(of_model)}, but this run has {', '.join(of_run)}"
        raise InputError(
            weights, problem, "Delete it and run the workflow again, which trains a model of these classes"
        )


def _fit_detector(
    model: Model,
    real: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    validation_pixels: np.ndarray,
    validation_logits: np.ndarray,
    *,
    quantile: float,
    threads: int,
) -> OutOfDistributionDetector:
    """`fit_detector` on the real training images, in a function of its own so that they are freed afterwards."""
    training, pixels = read_part(real, "train", sets, model.size, threads=threads)
    sources = training["source"].to_numpy(dtype=str)
    logits = outputs(model, pixels, what="training images")
    return fit_detector(pixels, logits, sources, validation_pixels, validation_logits, quantile=quantile)
