"""95 % intervals of means, rates and paired differences."""

from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
_AT_ONCE = 1 << 22  # numbers per block of resamples, to bound memory
_Z = 1.959963984540054  # standard normal quantile at 0.975


class Interval(NamedTuple):
    """A value with its 95 % interval; values that cannot be computed are None, not NaN."""

    value: float | None
    low: float | None
    high: float | None


def bootstrap_mean(values: np.ndarray, *, seed: int) -> Interval:
    """The mean of values with a percentile bootstrap interval (Efron 1979; 2000 resamples).

    Args:
        values: finite (n,), one per independent image. A single value has a mean but no interval.
        seed: seed of the resamples.

    Raises:
        ValueError: values are not finite.
    """
    return _bootstrap(np.asarray(values, np.float64), np.zeros(len(values), np.int64), seed)


def paired_difference(
    correct_a: np.ndarray, correct_b: np.ndarray, *, seed: int, strata: np.ndarray | None = None
) -> Interval:
    """Accuracy of a minus accuracy of b on the same images, with a paired bootstrap interval.

    Args:
        correct_a: bool (n,).
        correct_b: bool (n,), for the same images in the same order.
        seed: seed of the resamples.
        strata: labels (n,), such as classes; if present, resamples keep the number of images of each label.

    Returns:
        The difference, from -1 to 1.

    Raises:
        ValueError: the numbers of images differ.
    """
    if len(correct_a) != len(correct_b):
        raise ValueError(f"predictions must come in pairs, not for {len(correct_a)} and {len(correct_b)} images")
    differences = np.asarray(correct_a, np.float64) - np.asarray(correct_b, np.float64)
    strata_codes = np.zeros(len(differences), np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    return _bootstrap(differences, strata_codes, seed)


def wilson(correct: int, n: int) -> Interval:
    """The rate correct / n with its score interval (Wilson 1927)."""
    if n == 0:
        return Interval(None, None, None)
    rate, spread = correct / n, _Z**2 / n
    centre = (rate + spread / 2) / (1 + spread)
    half = _Z * np.sqrt(rate * (1 - rate) / n + spread / (4 * n)) / (1 + spread)
    # At 0 and 1 the interval ends at the rate itself; avoid rounding errors there.
    return Interval(rate, 0.0 if correct == 0 else float(centre - half), 1.0 if correct == n else float(centre + half))


def _bootstrap(values: np.ndarray, strata: np.ndarray, seed: int) -> Interval:
    if not np.isfinite(values).all():
        raise ValueError("values are not finite")
    n = len(values)
    if n == 0:
        return Interval(None, None, None)
    if n == 1:
        return Interval(float(values[0]), None, None)
    rng = np.random.default_rng(seed)
    sums = np.zeros(RESAMPLES)
    for stratum in range(strata.max() + 1):
        sums += _resampled_sums(values[strata == stratum], rng)
    low, high = np.percentile(sums / n, (2.5, 97.5))
    return Interval(float(values.sum() / n), float(low), float(high))


def _resampled_sums(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows = max(1, _AT_ONCE // len(values))
    block_sizes = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    return np.concatenate([values[rng.integers(len(values), size=(k, len(values)))].sum(axis=1) for k in block_sizes])
