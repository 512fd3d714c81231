"""Images drawn again within their classes, for every metric that has no interval of its own."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hemabalance.metrics.intervals import Interval

AT_ONCE = 1 << 20
"""Weights held together: images times resamples."""


class Estimate(NamedTuple):
    """A value, its 95 % interval, and the images it was computed from: all but n None where it cannot be estimated."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def image_weights(strata: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each image is in each resample, some resamples at a time.

    Images are drawn with replacement within their stratum, so that each resample has as many of each as there are
    (stratified bootstrap: Davison and Hinkley 1997, section 3.2). With the class as stratum no class is ever lost, and
    a macro average is always one over the same classes; the intervals are for the class mix of the test set.

    Args:
        strata: int (n,), n at least 1.
        resamples: how many in all.
        rng: drawn from in one order; the same generator gives the same weights.

    Yields:
        float64 (n, b), whole numbers; the b add up to `resamples`.
    """
    n = len(strata)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    at_once = max(1, AT_ONCE // n)
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        weights = np.empty((n, count))
        for images in members:
            drawn = rng.integers(len(images), size=(len(images), count)) * count + np.arange(count)
            weights[images] = np.bincount(drawn.ravel(), minlength=len(images) * count).reshape(-1, count)
        yield weights


def percentile_interval(values: np.ndarray, drawn: np.ndarray, *, n: int) -> Estimate:
    """A value with the 2.5th and 97.5th percentile of its resamples (Efron 1979).

    Args:
        values: 0-dim, NaN where it cannot be estimated.
        drawn: float (resamples,); those that are NaN are left out.
        n: images; with a single one there is a value and no interval.
    """
    if np.isnan(values):
        return Estimate(None, None, None, n)
    kept = drawn[~np.isnan(drawn)]
    if n < 2 or not len(kept):
        return Estimate(float(values), None, None, n)
    low, high = np.percentile(kept, (2.5, 97.5))
    return Estimate(float(values), float(low), float(high), n)


def with_n(found: Interval, n: int) -> Estimate:
    """An interval beside its number of images."""
    return Estimate(*found, n)
