"""Two classifiers on the same images: does one do better, and by how much?"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from hemabalance.metrics.classification import Counts
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.metrics.resampling import Estimate, percentile_interval


class McNemar(NamedTuple):
    """The images that only one of two gets right, and how likely so uneven a share is between equals."""

    only_a: int
    only_b: int
    p: float


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> McNemar:
    """McNemar's test in its exact two-sided form, for any number of images (McNemar 1947; binomial, not chi-squared).

    Args:
        correct_a: bool (n,).
        correct_b: bool (n,), of the same images in the same order.

    Returns:
        p is 1 where the two never differ.
    """
    if len(correct_a) != len(correct_b):
        raise ValueError(f"pairs are needed, not {len(correct_a)} and {len(correct_b)} images")
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
    """Differences in any metrics of the confusion, a less b, with percentile intervals of a paired bootstrap.

    Images are drawn within their true class and keep both of their predictions (2000 resamples). An image counts only
    by its class and its two predictions, so resamples are drawn from the counts of those: one multinomial a class.

    Args:
        targets: int (n,), true classes.
        a: int (n,), classes that one predicts.
        b: int (n,), classes that the other predicts of the same images in the same order.
        metrics: name -> function of counts (..., k, k), such as `classification.METRICS`.
        classes: k.
        seed: of the resamples.

    Raises:
        ValueError: not the same number of targets and predictions.
    """
    if not len(targets) == len(a) == len(b):
        raise ValueError(f"pairs are needed, not {len(targets)}, {len(a)} and {len(b)} images")
    k, rng = classes, np.random.default_rng(seed)
    kinds, times = np.unique((targets * k + a) * k + b, return_counts=True)
    of_target, of_a, of_b = kinds // k**2, kinds // k % k, kinds % k
    drawn = np.empty((RESAMPLES, len(kinds)), np.int64)
    for target in np.unique(of_target):
        own = of_target == target
        drawn[:, own] = rng.multinomial(times[own].sum(), times[own] / times[own].sum(), size=RESAMPLES)
    once = [_confusions(times[None], of_target, of_said, k)[0] for of_said in (of_a, of_b)]
    many = [_confusions(drawn, of_target, of_said, k) for of_said in (of_a, of_b)]
    return {
        name: percentile_interval(metric(once[0]) - metric(once[1]), metric(many[0]) - metric(many[1]), n=len(targets))
        for name, metric in metrics.items()
    }


def _confusions(times: np.ndarray, targets: np.ndarray, said: np.ndarray, k: int) -> Counts:
    """float64 (b, k, k), whole numbers, from how often (b, kinds) each kind of image occurs."""
    cell_of = np.zeros((len(targets), k * k))
    cell_of[np.arange(len(targets)), targets * k + said] = 1
    return (times @ cell_of).reshape(-1, k, k)
