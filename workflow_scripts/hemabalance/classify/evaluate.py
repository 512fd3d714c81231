"""What a trained classifier says of images, with confidences calibrated on the validation images."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classify.model import Model
from hemabalance.classify.predictions import codes_of, make_predictions, write_predictions
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
from hemabalance.taxonomy import CLASSES


def outputs(model: Model, pixels: np.ndarray) -> np.ndarray:
    """The logits of a trained model, float32 (n, 12), also for no image at all.

    Args:
        model: over all twelve classes in their order.
        pixels: RGB uint8 (n, size, size, 3).

    Raises:
        InputError: they are not finite.
        ValueError: the model is not over the twelve classes.
    """
    if tuple(model.classes) != CLASSES:
        raise ValueError(f"a model over the classes {model.classes}, not the twelve of the taxonomy")
    if not len(pixels):
        return np.zeros((0, len(CLASSES)), np.float32)
    logits = model.logits(pixels)
    if not np.isfinite(logits).all():
        remedy = "Delete its results and train it again, with a lower learning rate if it happens again"
        raise InputError("the trained classifier", "gives outputs that are not finite numbers", remedy)
    return logits


def predict_test(
    labels: np.ndarray,
    seen: np.ndarray,
    rows: pd.DataFrame,
    logits: np.ndarray,
    *,
    trained: Collection[str],
    predictions: Path,
    calibration: Path,
) -> None:
    """Write what a trained model says of the test images, calibrated.

    Args:
        labels, seen: str (m,) and a model's `outputs` (m, 12) for the images to calibrate on, which it was not trained
            on. Those of a class that it was not trained on are left out: no temperature mends a class that it cannot
            name.
        rows: `image_id, source, label` of the real test images.
        logits: its outputs (n, 12) for them, in the order of the rows.
        trained: the classes that had training images.
        predictions: Parquet to write (`predictions.SCHEMA`).
        calibration: JSON to write: `temperature`; `validation`: `n, nll_before, nll_after, at_bound` (the temperature
            is at an end of its range, as when every image is classified right); `test`: `n, nll_before, nll_after,
            ece_before, ece_after, bins_before, bins` (after), each bin as `calibration.Bin`. Without images values
            are null, and without validation images the temperature is 1.

    Raises:
        ValueError: rows and logits do not match.
    """
    known = np.isin(labels, list(trained))
    seen, seen_targets = seen[known], codes_of(labels[known].tolist())
    temperature = fit_temperature(seen, seen_targets)
    targets = codes_of(rows["label"])
    table = make_predictions(rows, logits, temperature)
    write_predictions(table, predictions)
    at_bound = bool(len(seen)) and temperature in (COLDEST, HOTTEST)
    found = {
        "temperature": temperature,
        "validation": {"n": len(seen)} | _likelihoods(seen, seen_targets, temperature) | {"at_bound": at_bound},
        "test": {"n": len(rows)} | _likelihoods(logits, targets, temperature) | _errors(logits, targets, temperature),
    }
    write_json(found, calibration)


def _likelihoods(logits: np.ndarray, targets: np.ndarray, temperature: float) -> dict[str, float | None]:
    times = {"nll_before": 1.0, "nll_after": temperature}
    return {name: log_likelihood(logits, targets, at) for name, at in times.items()}


def _errors(logits: np.ndarray, targets: np.ndarray, temperature: float) -> dict[str, Any]:
    correct = logits.argmax(1) == targets
    before, after = (tempered(logits, at).max(1, initial=0) for at in (1.0, temperature))
    return {
        "ece_before": expected_calibration_error(before, correct),
        "ece_after": expected_calibration_error(after, correct),
        "bins_before": [one._asdict() for one in reliability(before, correct)],
        "bins": [one._asdict() for one in reliability(after, correct)],
    }
