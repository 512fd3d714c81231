"""One-vs-rest area under the ROC curve of each class, for the original images and for many resamples at once."""

import numpy as np

from hemabalance.metrics.resampling import image_weights

RESAMPLES = 500
"""Fewer than for other metrics: each resample needs a pass over the ranks of each class."""


def aurocs(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """One-vs-rest AUROC of each class.

    The probability that an image of the class has a higher score for this class than an image of another class, with
    ties counted as half: the Mann-Whitney form of the area (Hanley and McNeil 1982).

    Args:
        probabilities: float (n, k).
        targets: int (n,), the true class of each image.

    Returns:
        float64 (k,) from 0 to 1; NaN for a class without images, and where all images are of this class.
    """
    areas: np.ndarray = _weighted(probabilities, targets, np.ones((len(targets), 1)))[0]
    return areas


def aurocs_resampled(
    probabilities: np.ndarray, targets: np.ndarray, *, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """`aurocs` of bootstrap resamples that are drawn within classes, float64 (resamples, k)."""
    if not len(targets):
        return np.full((resamples, probabilities.shape[1]), np.nan)
    blocks = image_weights(targets, resamples, rng)
    return np.concatenate([_weighted(probabilities, targets, weights) for weights in blocks])


def _weighted(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUROC of b weighted resamples, float64 (b, k); the weights (n, b) of each class sum to its number of images."""
    areas = np.full((weights.shape[1], probabilities.shape[1]), np.nan)
    for label in range(probabilities.shape[1]):
        positive = targets == label
        pairs = float(positive.sum()) * float((~positive).sum())
        if pairs:
            areas[:, label] = _pairs_won(probabilities[:, label], positive, weights) / pairs
    return areas


def _pairs_won(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted number of (positive, negative) pairs in which the positive scores higher, ties as half: float64 (b,)."""
    order = np.argsort(scores, kind="stable")
    ranked, positive_places = scores[order], np.flatnonzero(positive[order])
    sorted_weights = weights[order]
    positive_weights = sorted_weights[positive_places]
    sorted_weights[positive_places] = 0
    below = np.zeros((len(order) + 1, weights.shape[1]))
    np.cumsum(sorted_weights, axis=0, out=below[1:])
    lower, upper = (np.searchsorted(ranked, ranked[positive_places], side) for side in ("left", "right"))
    pairs_won: np.ndarray = np.einsum("pb,pb->b", positive_weights, (below[lower] + below[upper]) / 2)
    return pairs_won
