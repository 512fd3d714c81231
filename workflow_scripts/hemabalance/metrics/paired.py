"""Comparison of two classifiers on the same images: McNemar's test and paired bootstrap."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from hemabalance.metrics.classification import Counts
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.metrics.resampling import Estimate, percentile_interval


class McNemar(NamedTuple):
    """Images that only one of two classifiers gets right, and the p value under the hypothesis of equal accuracy."""

    only_a: int
    only_b: int
    p: float


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> McNemar:
    """McNemar's test in its exact two-sided (binomial) form, valid for any number of images (McNemar 1947).

    Args:
        correct_a: bool (n,).
        correct_b: bool (n,), for the same images in the same order.

    Returns:
        p is 1 if the two never differ.

    Raises:
        ValueError: the numbers of images differ.
    """
    if len(correct_a) != len(correct_b):
        raise ValueError(f"predictions must come in pairs, not for {len(correct_a)} and {len(correct_b)} images")
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((correct_b & ~correct_a).sum())
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p)


def paired_bootstrap(
    targets: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    metrics: Mapping[str, Callable[[Counts], np.ndarray]],
    *,
    classes: int,
    seed: int,
) -> dict[str, Estimate]:
    """Differences (a minus b) of metrics of the confusion matrix, with percentile intervals of a paired bootstrap.

    Images are drawn within their true class, together with both predictions (2000 resamples). Only the true class and
    the two predictions of an image matter, so the counts of these outcomes are drawn: one multinomial per class.

    Args:
        targets: int (n,), true classes.
        a: int (n,), predictions of the first classifier.
        b: int (n,), predictions of the second classifier for the same images in the same order.
        metrics: name -> function of counts (..., k, k), such as `classification.METRICS`.
        classes: the number of classes k.
        seed: seed of the resamples.

    Raises:
        ValueError: the numbers of targets and predictions differ.
    """
    if not len(targets) == len(a) == len(b):
        raise ValueError(f"predictions must come in pairs, not for {len(targets)}, {len(a)} and {len(b)} images")
    k, rng = classes, np.random.default_rng(seed)
    outcomes, counts = np.unique((targets * k + a) * k + b, return_counts=True)
    targets_of_outcomes, a_of_outcomes, b_of_outcomes = outcomes // k**2, outcomes // k % k, outcomes % k
    resampled = np.empty((RESAMPLES, len(outcomes)), np.int64)
    for target in np.unique(targets_of_outcomes):
        class_outcomes = targets_of_outcomes == target
        resampled[:, class_outcomes] = rng.multinomial(
            counts[class_outcomes].sum(), counts[class_outcomes] / counts[class_outcomes].sum(), size=RESAMPLES
        )
    original = [
        _confusions(counts[None], targets_of_outcomes, predictions, k)[0]
        for predictions in (a_of_outcomes, b_of_outcomes)
    ]
    resampled_confusions = [
        _confusions(resampled, targets_of_outcomes, predictions, k) for predictions in (a_of_outcomes, b_of_outcomes)
    ]
    return {
        name: percentile_interval(
            metric(original[0]) - metric(original[1]),
            metric(resampled_confusions[0]) - metric(resampled_confusions[1]),
            n=len(targets),
        )
        for name, metric in metrics.items()
    }


def _confusions(counts: np.ndarray, targets: np.ndarray, predicted: np.ndarray, k: int) -> Counts:
    """Confusion matrices float64 (b, k, k), integer-valued, from the counts (b, outcomes) of outcomes."""
    cells = np.zeros((len(targets), k * k))
    cells[np.arange(len(targets)), targets * k + predicted] = 1
    return (counts @ cells).reshape(-1, k, k)
