"""The table of predictions: predicted class, its confidence, and the probabilities of all twelve classes."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.tables import read_table, write_table
from hemabalance.metrics.calibration import tempered
from hemabalance.taxonomy import CLASSES, SOURCE_OF

PROBABILITIES = tuple(f"p_{label}" for label in CLASSES)

_SHARE = pa.Check.in_range(0, 1)
_SUM_TOLERANCE = 1e-5


def _sums_to_one(table: pd.DataFrame) -> bool:
    return bool((np.abs(probabilities_of(table).sum(1, dtype=np.float64) - 1) < _SUM_TOLERANCE).all())


def _confidence_is_maximum(table: pd.DataFrame) -> bool:
    probabilities, confidence = probabilities_of(table), table["confidence"].to_numpy()
    of_predicted = probabilities[np.arange(len(table)), codes_of(table["predicted"])]
    return bool((of_predicted == confidence).all() and (probabilities.max(1, initial=0) == confidence).all())


SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str, pa.Check.isin(tuple(SOURCE_OF.values()))),
        "label": pa.Column(str, pa.Check.isin(CLASSES)),
        "predicted": pa.Column(str, pa.Check.isin(CLASSES)),
        "confidence": pa.Column("float32", _SHARE),
        **{name: pa.Column("float32", _SHARE) for name in PROBABILITIES},
    },
    checks=[
        pa.Check(lambda t: t["image_id"].is_monotonic_increasing, error="rows are sorted by image_id"),
        pa.Check(_sums_to_one, error="probabilities sum to 1"),
        pa.Check(
            _confidence_is_maximum, error="the confidence is the highest probability, that of the predicted class"
        ),
    ],
    strict=True,
    ordered=True,
)


def predictions_table(rows: pd.DataFrame, logits: np.ndarray, temperature: float) -> pd.DataFrame:
    """The table of predictions of test images.

    Args:
        rows: `image_id, source, label` of n real test images.
        logits: float (n, 12), finite, in the order of `rows` and of `taxonomy.CLASSES`.
        temperature: divisor of the logits; it does not change the predicted class.

    Returns:
        Table of the schema `SCHEMA`, sorted by `image_id`.

    Raises:
        ValueError: the logits are not finite or have another shape.
    """
    if logits.shape != (len(rows), len(CLASSES)):
        raise ValueError(f"logits have the shape {logits.shape}, expected ({len(rows)}, {len(CLASSES)})")
    if not np.isfinite(logits).all():
        raise ValueError("logits are not finite")
    probabilities = tempered(logits, temperature).astype(np.float32)
    # From the logits, because rounding of probabilities can create ties.
    predicted = np.asarray(logits).argmax(1)
    table = rows[["image_id", "source", "label"]].astype("str").reset_index(drop=True)
    table["predicted"] = pd.array(np.array(CLASSES, object)[predicted], dtype="str")
    table["confidence"] = probabilities.max(1, initial=0)
    table = pd.concat([table, pd.DataFrame(probabilities, columns=list(PROBABILITIES))], axis=1)
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
    """The probabilities of a table, float32 (n, 12), in the order of `taxonomy.CLASSES`."""
    probabilities: np.ndarray = table[list(PROBABILITIES)].to_numpy(dtype=np.float32)
    return probabilities


def codes_of(labels: Iterable[str]) -> np.ndarray:
    """Indices of labels in `taxonomy.CLASSES`, int64 (n,).

    Raises:
        KeyError: a label is not among them.
    """
    indices = {label: index for index, label in enumerate(CLASSES)}
    return np.array([indices[label] for label in labels], np.int64)
