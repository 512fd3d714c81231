"""Calibration of confidences: reliability diagram, calibration error and temperature scaling (Guo et al. 2017)."""

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, softmax

from hemabalance.metrics.intervals import RESAMPLES, Interval, bootstrap_mean, wilson
from hemabalance.metrics.resampling import Estimate, image_weights, with_n

BINS = 15
"""Number of confidence bins of equal width, as in the paper."""

COLDEST, HOTTEST = 0.1, 1e4
"""Bounds of fitted temperatures. If every image is classified correctly, the likelihood has no finite optimum."""

FLOOR = float(np.finfo(np.float32).eps)
"""Smaller probabilities are clipped to this value before a logarithm is taken, as in scikit-learn."""


class Bin(NamedTuple):
    """Statistics of the images with a confidence in (lower, upper]; values are None for an empty bin."""

    lower: float
    upper: float
    n: int
    confidence: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None


def tempered(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities softmax(logits / temperature), float64 (n, k), rows summing to 1."""
    probabilities: np.ndarray = softmax(np.asarray(logits, np.float64) / temperature, axis=1)
    return probabilities


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    The negative log-likelihood is convex in 1 / temperature, so its slope has a single root, found by bracketing.

    Args:
        logits: float (n, k), finite, of images that the model was not trained on.
        targets: int (n,), the true class of each image.

    Returns:
        A temperature from `COLDEST` to `HOTTEST`; 1 (no change) if there are no images.

    Raises:
        ValueError: logits are not finite.
    """
    logits = np.asarray(logits, np.float64)
    if not np.isfinite(logits).all():
        raise ValueError("logits are not finite")
    if not len(logits):
        return 1.0
    true_logits = np.take_along_axis(logits, targets[:, None], axis=1)[:, 0]

    def slope(log_temperature: float) -> float:
        """Derivative of the mean negative log-likelihood with respect to 1 / temperature."""
        expected = (tempered(logits, float(np.exp(log_temperature))) * logits).sum(1)
        return float((expected - true_logits).mean())

    from scipy.optimize import brentq  # slow to import, and not needed for prediction

    cold, hot = np.log((COLDEST, HOTTEST))
    if slope(cold) <= 0:
        return COLDEST
    if slope(hot) >= 0:
        return HOTTEST
    return float(np.exp(brentq(slope, cold, hot, xtol=1e-10)))


def log_likelihood(logits: np.ndarray, targets: np.ndarray, temperature: float) -> float | None:
    """Mean negative log-likelihood at a temperature, in nats; None without images."""
    if not len(logits):
        return None
    logs = log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
    return float(-np.take_along_axis(logs, targets[:, None], axis=1).mean())


def negative_log_likelihood(probabilities: np.ndarray, targets: np.ndarray, *, seed: int) -> Estimate:
    """Mean of -log(probability of the true class), in nats, with a bootstrap interval over images.

    Args:
        probabilities: float (n, k); values below `FLOOR` are clipped to `FLOOR`.
        targets: int (n,).
        seed: seed of the resamples.
    """
    true_probabilities = np.take_along_axis(np.asarray(probabilities, np.float64), targets[:, None], axis=1)[:, 0]
    return with_n(bootstrap_mean(-np.log(np.clip(true_probabilities, FLOOR, 1 - FLOOR)), seed=seed), len(targets))


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[Bin]:
    """Mean confidence and accuracy by confidence bin; accuracies have score intervals (Wilson 1927).

    Args:
        confidence: float (n,) in [0, 1], the highest probability of each image.
        correct: bool (n,), whether the predicted class is the true one.

    Returns:
        `BINS` bins by increasing confidence.
    """
    bins, rows = _bin_of(confidence), []
    for number in range(BINS):
        inside = bins == number
        n = int(inside.sum())
        mean = float(confidence[inside].astype(np.float64).mean()) if n else None
        rows.append(Bin(number / BINS, (number + 1) / BINS, n, mean, *wilson(int(correct[inside].sum()), n)))
    return rows


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float | None:
    """Mean |accuracy - confidence| over 15 bins of equal width, weighted by images (Guo et al. 2017, equation 3).

    Arguments as for `reliability`; None without images.
    """
    n = len(confidence)
    return float(np.abs(_gaps(confidence, correct).sum(1)).sum() / n) if n else None


def calibration_error_interval(
    confidence: np.ndarray, correct: np.ndarray, strata: np.ndarray, *, seed: int
) -> Estimate:
    """The expected calibration error with a 95 % interval from a bootstrap within strata.

    The error is biased upwards, since the accuracy of a bin with few images differs from its confidence by chance, and
    resampling adds the same bias again. The interval is therefore shifted down by the mean excess of the resamples,
    and cut at 0.

    Args:
        confidence, correct: as for `reliability`.
        strata: int (n,), the true class of each image.
        seed: seed of the resamples.
    """
    value, n = expected_calibration_error(confidence, correct), len(confidence)
    if value is None or n == 1:
        return with_n(Interval(value, None, None), n)
    gaps, rng = _gaps(confidence, correct), np.random.default_rng(seed)
    blocks = image_weights(strata, RESAMPLES, rng)
    resampled = np.concatenate([np.abs(gaps @ weights).sum(0) / n for weights in blocks])
    low, high = np.percentile(resampled, (2.5, 97.5)) - resampled.mean() + value
    return Estimate(value, max(0.0, float(min(low, value))), float(max(high, value)), n)


def _bin_of(confidence: np.ndarray) -> np.ndarray:
    """Bin number of each image, int64 (n,); bins include their upper edge, bin 0 also confidence 0."""
    return np.clip(np.ceil(np.asarray(confidence, np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _gaps(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Contribution of each image to (correct - confidence) of its bin, float64 (bins, n)."""
    gaps = np.zeros((BINS, len(confidence)))
    gaps[_bin_of(confidence), np.arange(len(confidence))] = correct.astype(np.float64) - confidence
    return gaps
