"""Area under the ROC curve of each class against the rest, of the images as they are and of many resamples at once."""

import numpy as np

from hemabalance.metrics.resampling import image_weights

RESAMPLES = 500
"""Fewer than for other metrics: ranks must be gone through for each class in each resample."""


def aurocs(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How likely an image of a class has a higher probability of it than another image has, ties counting half.

    The Mann-Whitney form of the area (Hanley and McNeil 1982).

    Args:
        probabilities: float (n, k).
        targets: int (n,), the class of each image.

    Returns:
        float64 (k,) from 0 to 1; NaN for a class without images, or without others to tell them from.
    """
    areas: np.ndarray = _weighted(probabilities, targets, np.ones((len(targets), 1)))[0]
    return areas


def aurocs_resampled(
    probabilities: np.ndarray, targets: np.ndarray, *, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """The same for resamples of the images within their classes, float64 (resamples, k)."""
    if not len(targets):
        return np.full((resamples, probabilities.shape[1]), np.nan)
    blocks = image_weights(targets, resamples, rng)
    return np.concatenate([_weighted(probabilities, targets, weights) for weights in blocks])


def _weighted(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float64 (b, k), given weights (n, b) that keep the sum of each class."""
    found = np.full((weights.shape[1], probabilities.shape[1]), np.nan)
    for label in range(probabilities.shape[1]):
        positive = targets == label
        pairs = float(positive.sum()) * float((~positive).sum())
        if pairs:
            found[:, label] = _won(probabilities[:, label], positive, weights) / pairs
    return found


def _won(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pairs of a positive and a negative in which the positive scores higher, a tie half: float64 (b,)."""
    order = np.argsort(scores, kind="stable")
    ranked, at = scores[order], np.flatnonzero(positive[order])
    sorted_weights = weights[order]
    own = sorted_weights[at]
    sorted_weights[at] = 0
    below = np.zeros((len(order) + 1, weights.shape[1]))
    np.cumsum(sorted_weights, axis=0, out=below[1:])
    lower, upper = (np.searchsorted(ranked, ranked[at], side) for side in ("left", "right"))
    won: np.ndarray = np.einsum("pb,pb->b", own, (below[lower] + below[upper]) / 2)
    return won
