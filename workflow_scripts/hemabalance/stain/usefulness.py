"""Usefulness, to be read first: accuracy on source B of a classifier trained on A, before and after normalisation."""

from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.intervals import paired_difference, wilson
from hemabalance.training.classifier import Classifier

Correct = dict[str, np.ndarray]


def usefulness(
    raw: np.ndarray, mapped: np.ndarray, rows: pd.DataFrame, classifiers: dict[str, Classifier], *, seed: int
) -> list[dict[str, Any]]:
    """Accuracy of classifiers that were trained on source A only, on images of source B mapped to A's stain.

    Args:
        raw: images of source B, RGB uint8 (n, size, size, 3).
        mapped: the same images in A's stain.
        rows: `label` and `held_back` (bool: the image was not used for training) of each image.
        classifiers: augmentation in training (`none`, `colour`) -> classifier.
        seed: of the intervals.

    Returns:
        Rows `augmentation, images` (`held_back` or `all`)`, n, correct, accuracy, low, high` (Wilson), and the paired
        differences in accuracy from the raw images with the same classifier (`gain`) and from the raw images with the
        classifier trained with random colours (`over_colour`), each with `_low` and `_high`. Values are None if there
        are no images.
    """
    labels = rows["label"].to_numpy(dtype=str)
    after: Correct = {name: model.predict(mapped) == labels for name, model in classifiers.items()}
    before: Correct = {name: model.predict(raw) == labels for name, model in classifiers.items()}
    usefulness_rows = []
    masks = {"held_back": rows["held_back"].to_numpy(dtype=bool), "all": np.ones(len(rows), bool)}
    for name in classifiers:
        for images, mask in masks.items():
            correct = after[name][mask]
            rate = wilson(int(correct.sum()), len(correct))
            row: dict[str, Any] = {
                "augmentation": name,
                "images": images,
                "n": len(correct),
                "correct": int(correct.sum()),
            }
            row |= {"accuracy": rate.value, "low": rate.low, "high": rate.high}
            for key, baseline in (("gain", before[name]), ("over_colour", before["colour"])):
                difference = paired_difference(correct, baseline[mask], seed=seed)
                row |= {key: difference.value, f"{key}_low": difference.low, f"{key}_high": difference.high}
            usefulness_rows.append(row)
    return usefulness_rows
