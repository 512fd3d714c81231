"""Bootstrap intervals of FID and KID, computed on features.

The intervals are conservative, as a bootstrap of a distance is if the sets are nearly alike: in simulations of 40 to
150 images they were 1.2 to 2 times as wide as the true spread of the distances between new sets.
"""

import numpy as np

from hemabalance.metrics.fid import fid
from hemabalance.metrics.intervals import Interval
from hemabalance.metrics.kid import FEWEST

_AT_ONCE = 256  # resamples of KID per block


def fid_interval(features_1: np.ndarray, features_2: np.ndarray, *, resamples: int, seed: int) -> Interval:
    """The Fréchet distance with a 95 % interval from a bootstrap over the images of both sets.

    Resampled sets repeat images, which biases their distances upwards beyond the bias of the value itself. The
    interval is therefore value + (quantiles - mean) of the resampled distances, cut off at 0: it shows the spread, and
    does not correct the bias of the value (see `fid.fid`).

    Args:
        features_1: float (n_1, k), finite.
        features_2: float (n_2, k), finite.
        resamples: at least 2. Each needs the singular values of a matrix of about 0.63 n_1 x 0.63 n_2: 8 ms for
            150 images per set, 0.06 s for 400, 0.4 s for 1000 on one core.
        seed: seed of the resamples.

    Returns:
        Value, low and high; all None if `fid` gives no value.
    """
    value = fid(features_1, features_2).value
    if value is None:
        return Interval(None, None, None)
    resampled = _frechet_resampled(features_1, features_2, resamples, np.random.default_rng(seed))
    low, high = value + np.percentile(resampled, (2.5, 97.5)) - resampled.mean()
    return Interval(value, min(value, max(0.0, float(low))), float(high))


def kid_interval(features_1: np.ndarray, features_2: np.ndarray, *, resamples: int, seed: int) -> Interval:
    """The kernel distance over all images, with a 95 % interval from a bootstrap over the images of both sets.

    The unbiased squared maximum mean discrepancy under the kernel (x'y / k + 1)^3, which `kid.kid` computes on subsets.
    Resamples also leave out pairs of an image with itself, so that repeated images add no bias.

    Args:
        features_1: float (n_1, k), finite.
        features_2: float (n_2, k), finite.
        resamples: at least 2; the cost is small compared with the kernel of all pairs.
        seed: seed of the resamples.

    Returns:
        Value, low and high; all None if a set has fewer than 10 images. The value of similar sets may be slightly
        below 0.
    """
    x, y = np.asarray(features_1, np.float64), np.asarray(features_2, np.float64)
    if min(len(x), len(y)) < FEWEST:
        return Interval(None, None, None)
    within_1, within_2, across = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    rng = np.random.default_rng(seed)
    resampled = []
    for start in range(0, resamples, _AT_ONCE):
        block = min(_AT_ONCE, resamples - start)
        counts_1, counts_2 = _draw_counts(len(x), block, rng), _draw_counts(len(y), block, rng)
        resampled.append(_discrepancy(within_1, within_2, across, counts_1, counts_2))
    low, high = np.percentile(np.concatenate(resampled), (2.5, 97.5))
    value = _discrepancy(within_1, within_2, across, np.ones((1, len(x))), np.ones((1, len(y))))
    return Interval(float(value[0]), float(low), float(high))


def _draw_counts(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each image is drawn in each resample: float64 (resamples, n), rows sum to n."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def _frechet_resampled(
    features_1: np.ndarray, features_2: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Fréchet distances of resamples, float64 (resamples,), from dot products of features that are computed once."""
    x, y = np.asarray(features_1, np.float64), np.asarray(features_2, np.float64)
    mean = x.mean(axis=0)
    x, y = x - mean, y - mean
    within_1, within_2, across = x @ x.T, y @ y.T, x @ y.T
    counts_1, counts_2 = _draw_counts(len(x), resamples, rng), _draw_counts(len(y), resamples, rng)
    return np.array(
        [_frechet_distance(within_1, within_2, across, *pair) for pair in zip(counts_1, counts_2, strict=True)]
    )


def _frechet_distance(
    within_1: np.ndarray, within_2: np.ndarray, across: np.ndarray, counts_1: np.ndarray, counts_2: np.ndarray
) -> float:
    """Fréchet distance of one resample, from the dot products within and across the sets and the draw counts."""
    n_1, n_2 = counts_1.sum(), counts_2.sum()
    share_1, share_2 = counts_1 / n_1, counts_2 / n_2
    mean_1, mean_2, means = share_1 @ within_1 @ share_1, share_2 @ within_2 @ share_2, share_1 @ across @ share_2
    trace_1 = (counts_1 @ np.diag(within_1) - n_1 * mean_1) / (n_1 - 1)
    trace_2 = (counts_2 @ np.diag(within_2) - n_2 * mean_2) / (n_2 - 1)
    centred = across - (share_1 @ across)[None] - (across @ share_2)[:, None] + means
    present_1, present_2 = np.flatnonzero(counts_1), np.flatnonzero(counts_2)
    roots = np.sqrt(np.outer(counts_1[present_1] / (n_1 - 1), counts_2[present_2] / (n_2 - 1)))
    cross = np.linalg.svd(centred[np.ix_(present_1, present_2)] * roots, compute_uv=False).sum()
    return float(mean_1 + mean_2 - 2 * means + trace_1 + trace_2 - 2 * cross)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    values: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
    return values


def _discrepancy(
    within_1: np.ndarray, within_2: np.ndarray, across: np.ndarray, counts_1: np.ndarray, counts_2: np.ndarray
) -> np.ndarray:
    """Squared maximum mean discrepancy (resamples,) of images weighted by their draw counts."""
    n_1, n_2 = across.shape
    between = ((counts_1 @ across) * counts_2).sum(axis=1) / (n_1 * n_2)
    discrepancy: np.ndarray = (
        _mean_kernel_of_different_images(within_1, counts_1)
        + _mean_kernel_of_different_images(within_2, counts_2)
        - 2 * between
    )
    return discrepancy


def _mean_kernel_of_different_images(within: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean kernel over pairs of different images, weighted by the draw counts of both."""
    squares = counts**2
    total = ((counts @ within) * counts).sum(axis=1) - squares @ np.diag(within)
    pairs = counts.sum(axis=1) ** 2 - squares.sum(axis=1)
    mean: np.ndarray = total / pairs
    return mean
