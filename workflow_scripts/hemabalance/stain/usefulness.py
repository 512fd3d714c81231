"""The number that users care about: does a classifier of source A read source B better after normalisation?"""

from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.intervals import paired_difference, wilson
from hemabalance.training.classifier import Classifier

Correct = dict[str, np.ndarray]


def usefulness(
    raw: np.ndarray, mapped: np.ndarray, rows: pd.DataFrame, classifiers: dict[str, Classifier], *, seed: int
) -> list[dict[str, Any]]:
    """Accuracy of classifiers that were trained on source A alone, on source B's images brought to A's stain.

    Args:
        raw: images of source B, RGB uint8 (n, size, size, 3).
        mapped: the same in A's stain.
        rows: `label` and `held_back` (bool: no training saw the image) of each.
        classifiers: augmentation in training (`none`, `colour`) -> classifier.
        seed: of the intervals.

    Returns:
        Rows `augmentation, images` (`held_back` or `all`)`, n, correct, accuracy, low, high` (Wilson), and the paired
        differences, in accuracy, to the raw images under the same classifier (`gain`) and to the raw images under the
        classifier with random colours (`over_colour`), each with `_low` and `_high`. With no image, values are None.
    """
    labels = rows["label"].to_numpy(dtype=str)
    after: Correct = {name: model.predict(mapped) == labels for name, model in classifiers.items()}
    before: Correct = {name: model.predict(raw) == labels for name, model in classifiers.items()}
    found = []
    for name in classifiers:
        for images, where in (("held_back", rows["held_back"].to_numpy(dtype=bool)), ("all", np.ones(len(rows), bool))):
            correct = after[name][where]
            rate = wilson(int(correct.sum()), len(correct))
            row: dict[str, Any] = {
                "augmentation": name,
                "images": images,
                "n": len(correct),
                "correct": int(correct.sum()),
            }
            row |= {"accuracy": rate.value, "low": rate.low, "high": rate.high}
            for key, baseline in (("gain", before[name]), ("over_colour", before["colour"])):
                gained = paired_difference(correct, baseline[where], seed=seed)
                row |= {key: gained.value, f"{key}_low": gained.low, f"{key}_high": gained.high}
            found.append(row)
    return found
