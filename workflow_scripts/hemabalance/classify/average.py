"""The mean of the predictions of several trained models, measured like one model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.evaluate import predict_test
from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.predictions import (
    classes_of,
    predictions_table,
    probabilities_of,
    read_predictions,
    write_predictions,
)
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol

LEAST_PROBABILITY = 1e-30
"""Lower bound of a probability whose logarithm is taken."""


def mean_probabilities(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> np.ndarray:
    """The arithmetic mean of the probabilities, float64 (n, classes), in the order of the first table.

    Args:
        tables: predictions of two or more models (`predictions.SCHEMA`).
        names: of the tables, for messages.

    Raises:
        InputError: a table is of other test images, with other labels or other classes than the first.
    """
    first, *others = tables
    identity = ["image_id", "source", "label"]
    for table, name in zip(others, names[1:], strict=True):
        if classes_of(table) != classes_of(first) or not table[identity].equals(first[identity]):
            problem = f"holds predictions of other test images or classes than {names[0]}"
            raise InputError(name, problem, "Average experiments of one protocol and one run, all up to date")
    mean: np.ndarray = np.mean([probabilities_of(table).astype(np.float64) for table in tables], axis=0)
    return mean


def write_average(members: Sequence[Path], path: Path) -> None:
    """Write the mean of the members' predictions alone; arguments and errors as `average_predictions`."""
    tables = [read_predictions(member) for member in members]
    mean = mean_probabilities(tables, [str(member) for member in members])
    logits = np.log(np.maximum(mean, LEAST_PROBABILITY))
    write_predictions(predictions_table(tables[0], logits, 1.0, classes=classes_of(tables[0])), path)


def average_predictions(
    members: Sequence[Path],
    folder: Path,
    *,
    experiment: str,
    protocol: Protocol,
    seed: int,
    resample_seed: int,
) -> None:
    """Write the mean of the members' predictions and its metrics.

    Each member is calibrated by its own temperature; the mean is not calibrated again.

    Args:
        members: `predictions.parquet` of trainings with the same seed, one of each experiment.
        folder: `predictions.parquet`, `calibration.json` (temperature 1) and `metrics.json` are written into it, of the
            same form as those of an experiment.
        experiment, protocol, seed, resample_seed: see `measure.measure`; `experiment` is the name of the average.

    Raises:
        InputError: a table is missing, damaged, or of other test images or classes.
    """
    tables = [read_predictions(path) for path in members]
    mean, classes = mean_probabilities(tables, [str(path) for path in members]), classes_of(tables[0])
    predictions, calibration = folder / "predictions.parquet", folder / "calibration.json"
    predict_test(
        np.empty(0, dtype=str),
        np.empty((0, len(classes))),
        tables[0][["image_id", "source", "label"]],
        # The softmax of the logarithm of probabilities are these probabilities.
        np.log(np.maximum(mean, LEAST_PROBABILITY)),
        classes=classes,
        trained_classes=classes,
        predictions=predictions,
        calibration=calibration,
    )
    measure_predictions(
        predictions,
        calibration,
        folder / "metrics.json",
        experiment=experiment,
        protocol=protocol,
        seed=seed,
        resample_seed=resample_seed,
    )
