"""Stratified bootstrap over images, for metrics without a closed-form interval."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hemabalance.metrics.intervals import Interval

AT_ONCE = 1 << 20
"""Weights (images times resamples) per block, to bound memory."""


class Estimate(NamedTuple):
    """A value, its 95 % interval and its number of images; all but n are None if the value cannot be estimated."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def image_weights(strata: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each image occurs in each resample, in blocks of resamples.

    Images are drawn with replacement within their stratum, so that resamples keep the sizes of strata (stratified
    bootstrap: Davison and Hinkley 1997, section 3.2). With the class as stratum no resample lacks a class, and macro
    averages are always over the same classes; the intervals hold for the class mix of the test set.

    Args:
        strata: int (n,), n at least 1.
        resamples: total number of resamples.
        rng: generator; the same state gives the same weights.

    Yields:
        float64 (n, b), integer-valued; the b sum to `resamples`.
    """
    n = len(strata)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    at_once = max(1, AT_ONCE // n)
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        weights = np.empty((n, count))
        for images in members:
            resampled = rng.integers(len(images), size=(len(images), count)) * count + np.arange(count)
            weights[images] = np.bincount(resampled.ravel(), minlength=len(images) * count).reshape(-1, count)
        yield weights


def percentile_interval(values: np.ndarray, resampled: np.ndarray, *, n: int) -> Estimate:
    """A value with the 2.5th and 97.5th percentile of its resamples (Efron 1979).

    Args:
        values: 0-dimensional, NaN if the value cannot be estimated.
        resampled: float (resamples,), the value of each resample; NaN are ignored.
        n: number of images; for a single image there is a value but no interval.
    """
    if np.isnan(values):
        return Estimate(None, None, None, n)
    defined = resampled[~np.isnan(resampled)]
    if n < 2 or not len(defined):
        return Estimate(float(values), None, None, n)
    low, high = np.percentile(defined, (2.5, 97.5))
    return Estimate(float(values), float(low), float(high), n)


def with_n(interval: Interval, n: int) -> Estimate:
    """An interval together with its number of images."""
    return Estimate(*interval, n)
