"""The predictions of several trainings on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import classes_of, codes_of, read_predictions
from hemabalance.errors import InputError

_AGAIN = "Delete it and run the workflow again"


@dataclass(frozen=True)
class SharedPredictions:
    """Predictions of several trainings on the same n images.

    Attributes:
        classes: all classes, in alphabetical order.
        images: n rows `image_id, source, label`, sorted by `image_id`.
        targets: int64 (n,), true classes.
        predicted: int64 (n,) of each training, predicted classes.
    """

    classes: tuple[str, ...]
    images: pd.DataFrame
    targets: np.ndarray
    predicted: Sequence[np.ndarray]


def read_shared_predictions(paths: Sequence[Path]) -> SharedPredictions:
    """Read the predictions of all trainings, one table of `classify.predictions.SCHEMA` each.

    Raises:
        InputError: a table cannot be read, or is of other images, labels or classes than the first.
    """
    first = read_predictions(paths[0])
    classes = classes_of(first)
    predicted = []
    for path in paths:
        table = read_predictions(path)
        _check_same(table, first, path, paths[0])
        predicted.append(codes_of(table["predicted"], classes))
    return SharedPredictions(
        classes, first[["image_id", "source", "label"]], codes_of(first["label"], classes), predicted
    )


def _check_same(table: pd.DataFrame, first: pd.DataFrame, path: Path, first_path: Path) -> None:
    if classes_of(table) != classes_of(first):
        problem = f"predicts the classes {', '.join(classes_of(table))}, and {first_path} "
        problem += f"predicts {', '.join(classes_of(first))}"
        raise InputError(path, problem, _AGAIN)
    columns = ["image_id", "label"]
    if not table[columns].equals(first[columns]):
        others = len(set(table["image_id"]) ^ set(first["image_id"]))
        problem = f"is of other test images than {first_path} ({others:,} images are in one of them only)"
        if not others:
            problem = f"has other labels of the same test images than {first_path}"
        raise InputError(path, problem, _AGAIN)
