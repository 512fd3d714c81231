"""Predictions of a trained classifier on test images, with confidences calibrated on the validation images."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import codes_of, predictions_table, write_predictions
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.metrics.calibration import (
    COLDEST,
    HOTTEST,
    expected_calibration_error,
    fit_temperature,
    log_likelihood,
    reliability,
    tempered,
)
from hemabalance.progress import progress

if TYPE_CHECKING:  # PyTorch is not imported for models that have been run already
    from hemabalance.classify.model import Model


_AT_ONCE = 512
"""Images between two lines of progress; a multiple of every model's own batch, so that the logits are the same."""


def outputs(model: "Model", pixels: np.ndarray, *, what: str | None = None) -> np.ndarray:
    """The logits of a trained model, float32 (n, classes); n may be 0.

    Args:
        model: a trained model.
        pixels: RGB uint8 (n, size, size, 3).
        what: description of the images, for lines of progress; None for none.

    Raises:
        InputError: the logits are not finite.
    """
    if not len(pixels):
        return np.zeros((0, len(model.classes)), np.float32)
    starts = range(0, len(pixels), _AT_ONCE)
    shown = starts if what is None else progress(starts, total=len(starts), what=f"predicting {what}", unit="part")
    logits = np.concatenate([model.logits(pixels[start : start + _AT_ONCE]) for start in shown])
    if not np.isfinite(logits).all():
        remedy = "Delete its results and train it again, with a lower learning rate if it happens again"
        raise InputError("the trained classifier", "gives outputs that are not finite numbers", remedy)
    return logits


def predict_test(
    validation_labels: np.ndarray,
    validation_logits: np.ndarray,
    rows: pd.DataFrame,
    logits: np.ndarray,
    *,
    classes: Sequence[str],
    trained_classes: Collection[str],
    predictions: Path,
    calibration: Path,
) -> None:
    """Calibrate a trained model and write its predictions of the test images.

    Args:
        validation_labels, validation_logits: str (m,) and the model's `outputs` (m, classes) for the validation images,
            on which the temperature is fitted. Images of classes without training images are left out: the model cannot
            predict such a class at any temperature.
        rows: `image_id, source, label` of the real test images.
        logits: the model's `outputs` (n, classes) for them, in the order of the rows.
        classes: classes of the model, in the order of its logits.
        trained_classes: classes that had training images.
        predictions: Parquet to write (`predictions.SCHEMA`).
        calibration: JSON to write: `temperature`; `validation`: `n, nll_before, nll_after, at_bound` (whether the
            temperature is at an end of its range, as when every image is classified correctly); `test`: `n, nll_before,
            nll_after, ece_before, ece_after, bins_before, bins` (after), each bin as `calibration.Bin`. Without images
            values are null; without validation images the temperature is 1.

    Raises:
        ValueError: rows and logits have different lengths.
    """
    trained = np.isin(validation_labels, list(trained_classes))
    fit_logits, fit_targets = validation_logits[trained], codes_of(validation_labels[trained].tolist(), classes)
    temperature = fit_temperature(fit_logits, fit_targets)
    targets = codes_of(rows["label"], classes)
    table = predictions_table(rows, logits, temperature, classes=classes)
    write_predictions(table, predictions)
    at_bound = bool(len(fit_logits)) and temperature in (COLDEST, HOTTEST)
    fit_likelihoods = _likelihoods(fit_logits, fit_targets, temperature)
    content = {
        "temperature": temperature,
        "validation": {"n": len(fit_logits)} | fit_likelihoods | {"at_bound": at_bound},
        "test": {"n": len(rows)}
        | _likelihoods(logits, targets, temperature)
        | _calibration_errors(logits, targets, temperature),
    }
    write_json(content, calibration)


def _likelihoods(logits: np.ndarray, targets: np.ndarray, temperature: float) -> dict[str, float | None]:
    temperatures = {"nll_before": 1.0, "nll_after": temperature}
    return {name: log_likelihood(logits, targets, value) for name, value in temperatures.items()}


def _calibration_errors(logits: np.ndarray, targets: np.ndarray, temperature: float) -> dict[str, Any]:
    correct = logits.argmax(1) == targets
    before, after = (tempered(logits, value).max(1, initial=0) for value in (1.0, temperature))
    return {
        "ece_before": expected_calibration_error(before, correct),
        "ece_after": expected_calibration_error(after, correct),
        "bins_before": [bin_._asdict() for bin_ in reliability(before, correct)],
        "bins": [bin_._asdict() for bin_ in reliability(after, correct)],
    }
