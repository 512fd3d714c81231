"""What a classifier gets right: over all test images, and of each class against the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hemabalance.metrics.auroc import RESAMPLES as AUROC_RESAMPLES
from hemabalance.metrics.auroc import aurocs, aurocs_resampled
from hemabalance.metrics.intervals import RESAMPLES, Interval, wilson
from hemabalance.metrics.resampling import Estimate, percentile_interval, with_n

Counts = np.ndarray
"""int or float (..., k, k): images by true class (rows) and predicted class (columns)."""

_NOTHING = Interval(None, None, None)


def confusion(targets: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images by class (rows) and predicted class (columns), int64 (classes, classes), of codes, int (n,) each."""
    from sklearn.metrics import confusion_matrix  # slow to import, and prediction does without

    if not len(targets):
        return np.zeros((classes, classes), np.int64)
    counts: np.ndarray = confusion_matrix(targets, predicted, labels=np.arange(classes))
    return counts


def accuracy(counts: Counts) -> np.ndarray:
    """Share of images whose class is predicted; NaN without images."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def balanced_accuracy(counts: Counts) -> np.ndarray:
    """Mean sensitivity of the classes that have images."""
    of_class = counts.sum(-1)
    return _mean_present(_ratio(_diagonal(counts), of_class), of_class)


def macro_f1(counts: Counts) -> np.ndarray:
    """Mean F1 of the classes that have images."""
    return _mean_present(f1(counts), counts.sum(-1))


def f1(counts: Counts) -> np.ndarray:
    """2 TP / (2 TP + FP + FN) of each class, (..., k): 0 where it is never predicted, NaN where it has no image."""
    of_class = counts.sum(-1)
    return np.where(of_class > 0, _ratio(2 * _diagonal(counts), of_class + counts.sum(-2)), np.nan)


METRICS: Mapping[str, Callable[[Counts], np.ndarray]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}
"""Those that the confusion alone determines."""


@dataclass(frozen=True)
class Classified:
    """How well images were classified.

    Attributes:
        counts: int64 (k, k), images by true (rows) and predicted class (columns).
        overall: `accuracy, balanced_accuracy, macro_f1, macro_auroc`.
        classes: of each class, in order, `sensitivity, specificity, one_vs_rest_accuracy, precision, f1, auroc`, each
            with the images that it is a share of (of f1 and auroc: all). Of a class without images all are None.
        no_spread: the overall metrics that came out the same in every resample, so that their interval is a point.
    """

    counts: np.ndarray
    overall: dict[str, Estimate]
    classes: list[dict[str, Estimate]]
    no_spread: tuple[str, ...]


def classify_scores(targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, *, seed: int) -> Classified:
    """Score predictions over k classes.

    Rates of independent images have score intervals (Wilson 1927), which hold at 0 and 1 and with few images too. The
    others have percentile intervals of a bootstrap within classes (`resampling.image_weights`): 2000 resamples of the
    confusion, drawn row by row as multinomials, which is the same as drawing images; for AUROC 500 of the images.
    Macro averages are over the classes that have images.

    Args:
        targets: int (n,) from 0 to k - 1.
        predicted: int (n,), likewise.
        probabilities: float (n, k), finite, of each class; only their order within a column counts.
        seed: of the resamples.

    Raises:
        ValueError: shapes that do not match, codes out of range, or probabilities that are not finite.
    """
    _check(targets, predicted, probabilities)
    n, k = probabilities.shape
    counts = confusion(targets, predicted, k)
    rng = np.random.default_rng(seed)
    resampled = resampled_counts(counts, RESAMPLES, rng)
    areas, drawn_areas = (
        aurocs(probabilities, targets),
        aurocs_resampled(probabilities, targets, resamples=AUROC_RESAMPLES, rng=rng),
    )
    drawn = {name: metric(resampled) for name, metric in METRICS.items()} | {"macro_auroc": _macro(drawn_areas)}
    overall = {name: percentile_interval(metric(counts), drawn[name], n=n) for name, metric in METRICS.items()}
    overall["accuracy"] = with_n(wilson(int(np.trace(counts)), n), n)
    overall["macro_auroc"] = percentile_interval(_macro(areas), drawn["macro_auroc"], n=n)
    bootstrapped = {"f1": (f1(counts), f1(resampled)), "auroc": (areas, drawn_areas)}
    rows = []
    for label in range(k):
        others = {name: percentile_interval(v[label], d[:, label], n=n) for name, (v, d) in bootstrapped.items()}
        rows.append(_rates(counts, label) | others)
    points = (name for name, found in overall.items() if found.low is not None and found.low == found.high)
    return Classified(counts, overall, rows, tuple(points))


def resampled_counts(counts: Counts, resamples: int, rng: np.random.Generator) -> Counts:
    """Confusions of resamples of the images within their true class: int64 (resamples, k, k) for counts (k, k)."""
    return np.stack([rng.multinomial(row.sum(), _shares(row), size=resamples) for row in counts], axis=1)


def _rates(counts: Counts, label: int) -> dict[str, Estimate]:
    n, right = int(counts.sum()), int(counts[label, label])
    own, named = int(counts[label].sum()), int(counts[:, label].sum())
    spared = n - own - named + right
    rates = {
        "sensitivity": (right, own),
        "specificity": (spared, n - own),
        "one_vs_rest_accuracy": (right + spared, n),
        "precision": (right, named),
    }
    return {name: with_n(wilson(part, whole) if own else _NOTHING, whole) for name, (part, whole) in rates.items()}


def _shares(row: np.ndarray) -> np.ndarray:
    # Of no image any share will do.
    shares: np.ndarray = row / row.sum() if row.sum() else np.full(len(row), 1 / len(row))
    return shares


def _diagonal(counts: Counts) -> np.ndarray:
    found: np.ndarray = np.diagonal(counts, axis1=-2, axis2=-1)
    return found


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    share: np.ndarray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return share


def _mean_present(values: np.ndarray, of_class: np.ndarray) -> np.ndarray:
    present = of_class > 0
    return _ratio(np.where(present, values, 0).sum(-1), present.sum(-1))


def _macro(areas: np.ndarray) -> np.ndarray:
    known = ~np.isnan(areas)
    return _ratio(np.where(known, areas, 0).sum(-1), known.sum(-1))


def _check(targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> None:
    n, k = probabilities.shape
    if targets.shape != (n,) or predicted.shape != (n,):
        raise ValueError(f"{n} rows of probabilities, but classes of shape {targets.shape} and {predicted.shape}")
    for codes in (targets, predicted):
        if n and (codes.min() < 0 or codes.max() >= k):
            raise ValueError(f"classes from {codes.min()} to {codes.max()}, where there are {k}")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities are not finite")
