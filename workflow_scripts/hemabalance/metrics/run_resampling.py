"""Bootstrap over several trainings and the test images that they share: draws of training images, seeds, images.

A resample draws with replacement the draws of training images, within each of them the seeds, and the test images
within their class (Davison and Hinkley 1997, sections 3.2 and 3.8). All trainings get the same resampled images, and
all recipes the same resampled draws and seeds, so that a difference of two recipes is paired.

With few draws the percentile interval is approximate: the variance between D draws is estimated by (D - 1) / D of its
size, while resampling the seeds counts the variance between seeds once more.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from hemabalance.metrics.classification import Counts, confusion
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.metrics.resampling import Estimate, image_weights, percentile_interval


class Resampled(NamedTuple):
    """A mean over trainings, `value` (), and that of each resample, `resamples` float64 (RESAMPLES,)."""

    value: np.ndarray
    resamples: np.ndarray

    def less(self, other: "Resampled") -> "Resampled":
        """The difference to another mean, of the same resamples."""
        return Resampled(self.value - other.value, self.resamples - other.resamples)

    def over(self, other: "Resampled") -> "Resampled":
        """The ratio to another mean, of the same resamples; NaN where the other is 0."""
        parts, totals = (np.append(mean.resamples, mean.value) for mean in (self, other))
        ratios = np.divide(parts, totals, out=np.full(len(parts), np.nan), where=totals != 0)
        return Resampled(ratios[-1], ratios[:-1])

    def estimate(self, n: int) -> Estimate:
        """The value with its 95 % percentile interval; n is the number of test images."""
        return percentile_interval(self.value, self.resamples, n=n)


class RunValues(NamedTuple):
    """A metric of R trainings: `values` (R,), and on resampled test images, `resamples` (RESAMPLES, R), float64."""

    values: np.ndarray
    resamples: np.ndarray

    def mean(self, runs: Sequence[int], weights: np.ndarray) -> Resampled:
        """The mean over some of the trainings.

        Args:
            runs: their columns.
            weights: float64 (RESAMPLES, len(runs)), how much each of them counts in a resample (`run_weights`).
        """
        return Resampled(self.values[list(runs)].mean(), (self.resamples[:, list(runs)] * weights).sum(axis=1))


def run_weights(draws: int, seeds: int, *, seed: int) -> np.ndarray:
    """How much each of draws x seeds trainings counts in each resample, float64 (RESAMPLES, draws x seeds).

    Columns are ordered by draw, then by seed; each row sums to 1.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.multinomial(draws, np.full(draws, 1 / draws), size=RESAMPLES)
    # Seeds are drawn anew each time that a draw is chosen; the sum of these multinomials is one of them all.
    counts = rng.multinomial(chosen * seeds, np.full(seeds, 1 / seeds))
    weights: np.ndarray = counts.reshape(RESAMPLES, -1) / (draws * seeds)
    return weights


def seed_weights(seeds: Sequence[int], *, seed: int) -> np.ndarray:
    """`run_weights` of trainings that differ only in their seed, float64 (RESAMPLES, len(seeds)).

    They are the same for the same seeds in the same order, so that differences are then paired; else independent.
    """
    own = int(np.random.SeedSequence([seed, *seeds]).generate_state(1)[0])
    return run_weights(1, len(seeds), seed=own)


def resampled_runs(
    targets: np.ndarray,
    predicted: Sequence[np.ndarray],
    metrics: Mapping[str, Callable[[Counts], np.ndarray]],
    *,
    classes: int,
    seed: int,
) -> dict[str, RunValues]:
    """Metrics of several trainings on the same test images, and on 2000 resamples of these images.

    Args:
        targets: int (n,), true classes, n at least 1.
        predicted: int (n,) of each training, predicted classes of the same images in the same order.
        metrics: name -> function of counts (..., k, k), such as `classification.METRICS`.
        classes: the number of classes k.
        seed: seed of the resamples.

    Raises:
        ValueError: the numbers of targets and predictions differ.
    """
    if any(len(codes) != len(targets) for codes in predicted):
        raise ValueError(f"predictions of {sorted({len(c) for c in predicted})} images, but {len(targets)} targets")
    cells = [_cells(targets, codes, classes) for codes in predicted]
    resamples = {name: np.empty((RESAMPLES, len(predicted))) for name in metrics}
    start = 0
    for weights in image_weights(targets, RESAMPLES, np.random.default_rng(seed)):
        block = slice(start, start + weights.shape[1])
        for run, counted in enumerate(cells):
            counts = (counted @ weights).T.reshape(-1, classes, classes)
            for name, metric in metrics.items():
                resamples[name][block, run] = metric(counts)
        start = block.stop
    observed = [confusion(targets, codes, classes) for codes in predicted]
    return {
        name: RunValues(np.array([float(metric(counts)) for counts in observed]), resamples[name])
        for name, metric in metrics.items()
    }


def _cells(targets: np.ndarray, predicted: np.ndarray, k: int) -> csr_matrix:
    """Which cell of the confusion matrix each image is in, (k * k, n): times weights (n, b) it gives b matrices."""
    n = len(targets)
    return csr_matrix((np.ones(n), (targets * k + predicted, np.arange(n))), shape=(k * k, n))
