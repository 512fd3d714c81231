"""Predictions of a chosen accuracy, and their metrics."""

import json
from typing import Any

import numpy as np
import pandas as pd

from helpers.thesis import CLASSES
from hemabalance.classify.measure import measure
from hemabalance.classify.predictions import codes_of, predictions_table


def rows_of(labels: list[str], source: str = "mendeley") -> pd.DataFrame:
    ids = [f"{source}/{place:04d}" for place in range(len(labels))]
    return pd.DataFrame({"image_id": ids, "source": source, "label": labels}, dtype="str")


def logits_of(rows: pd.DataFrame, seed: int = 1, skill: float = 2.0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(len(rows), len(CLASSES)))
    logits[np.arange(len(rows)), codes_of(rows["label"], CLASSES)] += skill
    return logits.astype(np.float32)


def random_labels(n: int, seed: int = 1, classes: tuple[str, ...] = CLASSES) -> list[str]:
    return np.random.default_rng(seed).choice(classes, n).tolist()


def predictions(n: int = 120, seed: int = 1, skill: float = 2.0, **labels: Any) -> pd.DataFrame:
    rows = rows_of(random_labels(n, **labels))
    return predictions_table(rows, logits_of(rows, seed, skill), 1.0, classes=CLASSES)


def measure_table(table: pd.DataFrame, **more: Any) -> dict[str, Any]:
    metrics = measure(
        table, {"temperature": 1.0}, **({"experiment": "e", "protocol": "leak_free", "seed": 1} | more), resample_seed=5
    )
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    return metrics
