"""The predictions of all trainings of the scarcity experiment, on the same test images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import classes_of, codes_of, read_predictions
from hemabalance.errors import InputError
from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityRun

_AGAIN = "Delete it and run the workflow again"


@dataclass(frozen=True)
class SharedPredictions:
    """Predictions of several trainings on the same n test images.

    Attributes:
        classes: all classes, in alphabetical order.
        targets: int64 (n,), true classes.
        predicted: int64 (n,) of each training, predicted classes.
    """

    classes: tuple[str, ...]
    targets: np.ndarray
    predicted: Sequence[np.ndarray]


def read_shared_predictions(runs: Sequence[ScarcityRun], arms: ScarcityArms) -> SharedPredictions:
    """Read the predictions of all trainings.

    Raises:
        InputError: a table cannot be read, or is of other images, labels or classes than that of the first training; a
            scarce class is unknown or has no test image.
    """
    first = read_predictions(runs[0].predictions)
    classes = classes_of(first)
    predicted = []
    for run in runs:
        table = read_predictions(run.predictions)
        _check_same(table, first, run, runs[0])
        predicted.append(codes_of(table["predicted"], classes))
    for label in arms.classes:
        if not (first["label"] == label).any():
            problem = f"has no image of the scarce class {label}, so nothing can be measured on it"
            raise InputError(runs[0].predictions, problem, "Choose other scarce classes, or another split")
    return SharedPredictions(classes, codes_of(first["label"], classes), predicted)


def _check_same(table: pd.DataFrame, first: pd.DataFrame, run: ScarcityRun, first_run: ScarcityRun) -> None:
    if classes_of(table) != classes_of(first):
        problem = f"predicts the classes {', '.join(classes_of(table))}, and {first_run.predictions} "
        problem += f"predicts {', '.join(classes_of(first))}"
        raise InputError(run.predictions, problem, _AGAIN)
    columns = ["image_id", "label"]
    if not table[columns].equals(first[columns]):
        others = len(set(table["image_id"]) ^ set(first["image_id"]))
        problem = f"is of other test images than {first_run.predictions} ({others:,} images are in one of them only)"
        if not others:
            problem = f"has other labels of the same test images than {first_run.predictions}"
        raise InputError(run.predictions, problem, _AGAIN)
