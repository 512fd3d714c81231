"""Classification metrics over all test images, and for each class against the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hemabalance.metrics.auroc import RESAMPLES as AUROC_RESAMPLES
from hemabalance.metrics.auroc import aurocs, aurocs_resampled
from hemabalance.metrics.intervals import RESAMPLES, Interval, wilson
from hemabalance.metrics.resampling import Estimate, percentile_interval, with_n

Counts = np.ndarray
"""Confusion matrices, int or float (..., k, k): images by true class (rows) and predicted class (columns)."""

_NO_INTERVAL = Interval(None, None, None)


def confusion(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Confusion matrix int64 (classes, classes), rows are true classes; both arguments are class codes int (n,)."""
    from sklearn.metrics import confusion_matrix  # slow to import, and not needed for prediction

    if not len(targets):
        return np.zeros((classes, classes), np.int64)
    counts: np.ndarray = confusion_matrix(targets, predicted, labels=np.arange(classes))
    return counts


def accuracy(counts: Counts) -> np.ndarray:
    """Share of correctly classified images; NaN without images."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def balanced_accuracy(counts: Counts) -> np.ndarray:
    """Mean sensitivity over the classes that have images."""
    of_class = counts.sum(-1)
    return _mean_present(_ratio(_diagonal(counts), of_class), of_class)


def macro_f1(counts: Counts) -> np.ndarray:
    """Mean F1 over the classes that have images."""
    return _mean_present(f1(counts), counts.sum(-1))


def f1(counts: Counts) -> np.ndarray:
    """2 TP / (2 TP + FP + FN) of each class, (..., k): 0 for a class never predicted, NaN for one without images."""
    of_class = counts.sum(-1)
    return np.where(of_class > 0, _ratio(2 * _diagonal(counts), of_class + counts.sum(-2)), np.nan)


METRICS: Mapping[str, Callable[[Counts], np.ndarray]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}
"""Metrics that are functions of the confusion matrix alone."""


@dataclass(frozen=True)
class Classified:
    """Results of `classify_scores`.

    Attributes:
        counts: confusion matrix int64 (k, k), images by true (rows) and predicted class (columns).
        overall: `accuracy, balanced_accuracy, macro_f1, macro_auroc`.
        classes: for each class, in order, `sensitivity, specificity, one_vs_rest_accuracy, precision, f1, auroc`, each
            with the number of images in its denominator (f1 and auroc: all images). All values are None for a class
            without images.
        no_spread: overall metrics with the same value in every resample, so that their interval is a point.
    """

    counts: np.ndarray
    overall: dict[str, Estimate]
    classes: list[dict[str, Estimate]]
    no_spread: tuple[str, ...]


def classify_scores(targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, *, seed: int) -> Classified:
    """Classification metrics with 95 % intervals for predictions over k classes.

    Rates of independent images have score intervals (Wilson 1927), which stay valid at 0 and 1 and for few images.
    Other metrics have percentile intervals of a bootstrap within classes (`resampling.image_weights`): 2000 resamples
    of the confusion matrix, each row drawn as a multinomial, which is equivalent to drawing images; for AUROC 500
    resamples of the images. Macro averages are over the classes that have images.

    Args:
        targets: int (n,), true classes from 0 to k - 1.
        predicted: int (n,), predicted classes from 0 to k - 1.
        probabilities: float (n, k), finite; only the order within a column matters.
        seed: seed of the resamples.

    Raises:
        ValueError: shapes do not match, class codes are out of range, or probabilities are not finite.
    """
    _check(targets, predicted, probabilities)
    n, k = probabilities.shape
    counts = confusion(targets, predicted, k)
    rng = np.random.default_rng(seed)
    resampled = resampled_counts(counts, RESAMPLES, rng)
    areas, resampled_areas = (
        aurocs(probabilities, targets),
        aurocs_resampled(probabilities, targets, resamples=AUROC_RESAMPLES, rng=rng),
    )
    resampled_values = {name: metric(resampled) for name, metric in METRICS.items()} | {
        "macro_auroc": _macro(resampled_areas)
    }
    overall = {
        name: percentile_interval(metric(counts), resampled_values[name], n=n) for name, metric in METRICS.items()
    }
    overall["accuracy"] = with_n(wilson(int(np.trace(counts)), n), n)
    overall["macro_auroc"] = percentile_interval(_macro(areas), resampled_values["macro_auroc"], n=n)
    bootstrapped = {"f1": (f1(counts), f1(resampled)), "auroc": (areas, resampled_areas)}
    rows = []
    for label in range(k):
        bootstrap_estimates = {
            name: percentile_interval(value[label], resampled_value[:, label], n=n)
            for name, (value, resampled_value) in bootstrapped.items()
        }
        rows.append(_rates(counts, label) | bootstrap_estimates)
    points = (name for name, estimate in overall.items() if estimate.low is not None and estimate.low == estimate.high)
    return Classified(counts, overall, rows, tuple(points))


def resampled_counts(counts: Counts, resamples: int, rng: np.random.Generator) -> Counts:
    """Confusion matrices of resamples within true classes: int64 (resamples, k, k) for counts (k, k)."""
    return np.stack([rng.multinomial(row.sum(), _shares(row), size=resamples) for row in counts], axis=1)


def _rates(counts: Counts, label: int) -> dict[str, Estimate]:
    n, true_positives = int(counts.sum()), int(counts[label, label])
    class_images, predicted_images = int(counts[label].sum()), int(counts[:, label].sum())
    true_negatives = n - class_images - predicted_images + true_positives
    rates = {
        "sensitivity": (true_positives, class_images),
        "specificity": (true_negatives, n - class_images),
        "one_vs_rest_accuracy": (true_positives + true_negatives, n),
        "precision": (true_positives, predicted_images),
    }
    return {
        name: with_n(wilson(part, total) if class_images else _NO_INTERVAL, total)
        for name, (part, total) in rates.items()
    }


def _shares(row: np.ndarray) -> np.ndarray:
    # Without images the multinomial draws nothing, so any probabilities will do.
    shares: np.ndarray = row / row.sum() if row.sum() else np.full(len(row), 1 / len(row))
    return shares


def _diagonal(counts: Counts) -> np.ndarray:
    diagonal: np.ndarray = np.diagonal(counts, axis1=-2, axis2=-1)
    return diagonal


def _ratio(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    part, total = np.asarray(part, np.float64), np.asarray(total, np.float64)
    share: np.ndarray = np.divide(part, total, out=np.full(part.shape, np.nan), where=total > 0)
    return share


def _mean_present(values: np.ndarray, of_class: np.ndarray) -> np.ndarray:
    present = of_class > 0
    return _ratio(np.where(present, values, 0).sum(-1), present.sum(-1))


def _macro(areas: np.ndarray) -> np.ndarray:
    defined = ~np.isnan(areas)
    return _ratio(np.where(defined, areas, 0).sum(-1), defined.sum(-1))


def _check(targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> None:
    n, k = probabilities.shape
    if targets.shape != (n,) or predicted.shape != (n,):
        raise ValueError(f"{n} rows of probabilities, but classes of shape {targets.shape} and {predicted.shape}")
    for codes in (targets, predicted):
        if n and (codes.min() < 0 or codes.max() >= k):
            raise ValueError(f"classes from {codes.min()} to {codes.max()}, where there are {k}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities are not finite")
