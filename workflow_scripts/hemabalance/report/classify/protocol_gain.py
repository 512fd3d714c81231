"""How much of a result is protocol: a classifier scored leak-free, and with other images counted as test images.

A test part in which a share s of the images are of another kind has the confusion matrix (1 - s) R + s O, where R and O
are the matrices of the real test images and of the other images, each divided by its number of images. Scores of any
share are functions of these two matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classify.other_images import TRAINED_ON
from hemabalance.classify.predictions import classes_of, codes_of, read_predictions
from hemabalance.metrics.classification import accuracy, balanced_accuracy, confusion, resampled_counts
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.metrics.resampling import percentile_interval
from hemabalance.report.cells import interval_cells

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Shares of other images in the test part."""

LEAK_FREE, SYNTHETIC, COPIES, THESIS = (
    "real test images",
    "with synthetic images",
    "with copies of training images",
    "test part of the protocol thesis",
)
_METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
}


@dataclass(frozen=True)
class GainFiles:
    """Predictions of one training.

    Attributes:
        experiment: its name.
        protocol: its protocol.
        test: predictions of the real test images.
        synthetic, training: files of `classify.predict_other_parts`.
    """

    experiment: str
    protocol: str
    test: Path
    synthetic: Path
    training: Path


@dataclass(frozen=True)
class _ScoredPart:
    """Confusion matrices of a part as shares of its n images: (k, k), and of resamples (RESAMPLES, k, k)."""

    n: int
    trained_on: int
    observed: np.ndarray
    resampled: np.ndarray


def protocol_gain(files: Sequence[GainFiles], *, seed: int) -> pd.DataFrame:
    """Rows of the scores of each training, and of what they gain over its real test images alone.

    Args:
        files: the training with synthetic images under `leak_free` first; then the same under `thesis`, which has one
            row: its own test part with the synthetic images in it. May be empty.
        seed: seed of the resamples. Images are resampled within part and class.

    Returns:
        Columns `experiment, protocol, test_part, share_of_other_images, real_test_images, other_images,
        other_images_trained_on`, and for accuracy and balanced accuracy the score and `…_gain` with intervals.

    Raises:
        InputError: a table of predictions is missing or damaged.
    """
    rows: list[dict[str, Any]] = []
    for training in files:
        real, synthetic, copies = (
            _part(path, seed + number)
            for number, path in enumerate((training.test, training.synthetic, training.training))
        )
        mixtures: list[tuple[str, float, _ScoredPart]] = []
        if training.protocol == "thesis":
            mixtures.append((THESIS, synthetic.n / max(1, synthetic.n + real.n), synthetic))
        else:
            mixtures.append((LEAK_FREE, 0.0, synthetic))
            mixtures += [
                (name, share, other)
                for name, other in ((SYNTHETIC, synthetic), (COPIES, copies))
                for share in SHARES
                if other.n
            ]
        rows += [_row(training, name, real, other, share) for name, share, other in mixtures]
    return pd.DataFrame(rows, columns=_columns())


def _part(path: Path, seed: int) -> _ScoredPart:
    table = read_predictions(path)
    classes = classes_of(table)
    targets, predicted = (codes_of(table[column], classes) for column in ("label", "predicted"))
    counts = confusion(targets, predicted, len(classes))
    n = max(1, len(table))
    resampled = resampled_counts(counts, RESAMPLES, np.random.default_rng(seed))
    trained_on = int((table["source"] == TRAINED_ON).sum())
    return _ScoredPart(len(table), trained_on, counts / n, resampled / n)


def _row(training: GainFiles, name: str, real: _ScoredPart, other: _ScoredPart, share: float) -> dict[str, Any]:
    row: dict[str, Any] = {
        "experiment": training.experiment,
        "protocol": training.protocol,
        "test_part": name,
        "share_of_other_images": f"{share:.2f}",
        "real_test_images": real.n,
        "other_images": other.n if share else 0,
        "other_images_trained_on": (other.n if name == COPIES else other.trained_on) if share else 0,
    }
    n = real.n + (other.n if share else 0)
    for metric, function in _METRICS.items():
        values = [
            (function((1 - share) * mine + share * others), function(mine))
            for mine, others in ((real.observed, other.observed), (real.resampled, other.resampled))
        ]
        (value, alone), (values_resampled, alone_resampled) = values
        score = percentile_interval(value, values_resampled, n=n)
        gain = percentile_interval(value - alone, values_resampled - alone_resampled, n=n)
        row |= interval_cells(score._asdict(), "value", metric, 4)
        row |= interval_cells(gain._asdict(), "value", f"{metric}_gain", 4)
    return row


def _columns() -> list[str]:
    keys = ["experiment", "protocol", "test_part", "share_of_other_images", "real_test_images", "other_images"]
    names = [f"{metric}{kind}" for metric in _METRICS for kind in ("", "_gain")]
    return [*keys, "other_images_trained_on", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))]
