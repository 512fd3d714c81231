"""The table of predictions: predicted class, its confidence, and the probabilities of all classes of the model."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.tables import read_table, write_table
from hemabalance.metrics.calibration import tempered

_PREFIX = "p_"
_SHARE = pa.Check.in_range(0, 1)
_SUM_TOLERANCE = 1e-5


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Names of the columns with the probabilities of these classes."""
    return [f"{_PREFIX}{label}" for label in classes]


def classes_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The classes of the model behind a table, in the order of its columns of probabilities."""
    return tuple(name.removeprefix(_PREFIX) for name in table.columns if name.startswith(_PREFIX))


def _has_classes(table: pd.DataFrame) -> bool:
    classes = classes_of(table)
    return len(classes) > 0 and classes == tuple(sorted(set(classes)))


def _labels_are_classes(table: pd.DataFrame) -> bool:
    return bool(table[["label", "predicted"]].isin(classes_of(table)).all(axis=None))


def _sums_to_one(table: pd.DataFrame) -> bool:
    return bool((np.abs(probabilities_of(table).sum(1, dtype=np.float64) - 1) < _SUM_TOLERANCE).all())


def _confidence_is_maximum(table: pd.DataFrame) -> bool:
    if not _labels_are_classes(table):
        return True  # refused by its own check
    probabilities, confidence = probabilities_of(table), table["confidence"].to_numpy()
    of_predicted = probabilities[np.arange(len(table)), codes_of(table["predicted"], classes_of(table))]
    return bool((of_predicted == confidence).all() and (probabilities.max(1, initial=0) == confidence).all())


SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str, pa.Check.str_length(min_value=1)),
        "label": pa.Column(str),
        "predicted": pa.Column(str),
        "confidence": pa.Column("float32", _SHARE),
        f"^{_PREFIX}.": pa.Column("float32", _SHARE, regex=True),
    },
    checks=[
        pa.Check(lambda t: t["image_id"].is_monotonic_increasing, error="rows are sorted by image_id"),
        pa.Check(_has_classes, error="columns of probabilities are in alphabetical order of the classes"),
        pa.Check(_labels_are_classes, error="label and predicted are classes with a column of probabilities"),
        pa.Check(_sums_to_one, error="probabilities sum to 1"),
        pa.Check(
            _confidence_is_maximum, error="the confidence is the highest probability, that of the predicted class"
        ),
    ],
    strict=True,
    ordered=True,
)
"""Schema of a table of any class list: `image_id, source, label, predicted, confidence, p_<class>...`."""


def predictions_table(
    rows: pd.DataFrame, logits: np.ndarray, temperature: float, *, classes: Sequence[str]
) -> pd.DataFrame:
    """The table of predictions of test images.

    Args:
        rows: `image_id, source, label` of n real test images.
        logits: float (n, classes), finite, in the order of `rows` and of `classes`.
        temperature: divisor of the logits; it does not change the predicted class.
        classes: classes of the model, in alphabetical order.

    Returns:
        Table of the schema `SCHEMA`, sorted by `image_id`.

    Raises:
        ValueError: the logits are not finite or have another shape.
    """
    if logits.shape != (len(rows), len(classes)):
        raise ValueError(f"logits have the shape {logits.shape}, expected ({len(rows)}, {len(classes)})")
    if not np.isfinite(logits).all():
        raise ValueError("logits are not finite")
    probabilities = tempered(logits, temperature).astype(np.float32)
    # From the logits, because rounding of probabilities can create ties.
    predicted = np.asarray(logits).argmax(1)
    table = rows[["image_id", "source", "label"]].astype("str").reset_index(drop=True)
    table["predicted"] = pd.array(np.array(classes, object)[predicted], dtype="str")
    table["confidence"] = probabilities.max(1, initial=0)
    table = pd.concat([table, pd.DataFrame(probabilities, columns=probability_columns(classes))], axis=1)
    return SCHEMA.validate(table.sort_values("image_id", ignore_index=True))


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Check predictions against `SCHEMA` and write them as Parquet."""
    write_table(SCHEMA.validate(table), path)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions and check them against `SCHEMA`.

    Raises:
        InputError: the file is missing, is not Parquet, or breaks the schema.
    """
    return read_table(path, SCHEMA)


def probabilities_of(table: pd.DataFrame) -> np.ndarray:
    """The probabilities of a table, float32 (n, classes), in the order of `classes_of`."""
    probabilities: np.ndarray = table[probability_columns(classes_of(table))].to_numpy(dtype=np.float32)
    return probabilities


def codes_of(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Indices of labels in a list of classes, int64 (n,).

    Raises:
        KeyError: a label is not among the classes.
    """
    indices = {label: index for index, label in enumerate(classes)}
    return np.array([indices[label] for label in labels], np.int64)
