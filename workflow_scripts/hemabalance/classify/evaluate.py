"""Let a trained classifier see the real test images, once, with its confidences calibrated on the validation images."""

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
from hemabalance.training.job import Images


def predict_test(
    model: Model,
    validation: Images,
    rows: pd.DataFrame,
    pixels: np.ndarray,
    *,
    trained: Collection[str],
    predictions: Path,
    calibration: Path,
) -> None:
    """Predict all test images and write what came out.

    Args:
        model: trained, over all twelve classes in their order.
        validation: the images to calibrate on, which the model was not trained on. Those of a class that it was not
            trained on are left out: no temperature mends a class that it cannot name.
        rows: `image_id, source, label` of the real test images.
        pixels: RGB uint8 (n, size, size, 3), in the order of the rows.
        trained: the classes that had training images.
        predictions: Parquet to write (`predictions.SCHEMA`).
        calibration: JSON to write: `temperature`; `validation`: `n, nll_before, nll_after, at_bound` (the temperature
            is at an end of its range, as when every image is classified right); `test`: `n, nll_before, nll_after,
            ece_before, ece_after, bins_before, bins` (after), each bin as `calibration.Bin`. Without images values
            are null, and without validation images the temperature is 1.

    Raises:
        InputError: the model's outputs are not finite.
        ValueError: the model is not over the twelve classes, or rows and pixels do not match.
    """
    if tuple(model.classes) != CLASSES:
        raise ValueError(f"a model over the classes {model.classes}, not the twelve of the taxonomy")
    if len(rows) != len(pixels):
        raise ValueError(f"{len(rows)} rows for {len(pixels)} test images")
    known = np.isin(validation.labels, list(trained))
    seen, seen_targets = _logits(model, validation.pixels[known]), codes_of(validation.labels[known].tolist())
    temperature = fit_temperature(seen, seen_targets)
    logits, targets = _logits(model, pixels), codes_of(rows["label"])
    table = make_predictions(rows, logits, temperature)
    write_predictions(table, predictions)
    at_bound = bool(len(seen)) and temperature in (COLDEST, HOTTEST)
    found = {
        "temperature": temperature,
        "validation": {"n": len(seen)} | _likelihoods(seen, seen_targets, temperature) | {"at_bound": at_bound},
        "test": {"n": len(rows)} | _likelihoods(logits, targets, temperature) | _errors(logits, targets, temperature),
    }
    write_json(found, calibration)


def _logits(model: Model, pixels: np.ndarray) -> np.ndarray:
    if not len(pixels):
        return np.zeros((0, len(CLASSES)), np.float32)
    logits = model.logits(pixels)
    if not np.isfinite(logits).all():
        remedy = "Delete its results and train it again, with a lower learning rate if it happens again"
        raise InputError("the trained classifier", "gives outputs that are not finite numbers", remedy)
    return logits


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
