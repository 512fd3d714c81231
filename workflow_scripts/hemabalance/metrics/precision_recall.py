"""Precision, recall, density and coverage of generated images, computed on features."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hemabalance.metrics.intervals import RESAMPLES, Interval, bootstrap_mean

_AT_ONCE = 1 << 22  # distances per block, to bound memory
_SAME = 1e-12  # rounding error of squared distances relative to the squared norms; less counts as zero


class Manifold:
    """k-nearest-neighbour manifold of a set: balls around features, the radius is the distance to the k-th neighbour.

    Kynkäänniemi et al. 2019, arXiv:1904.06991. The boundary belongs to the ball.

    Attributes:
        n: number of images.
        neighbours_used: k, at most n - 1.
        radii: float64 (n,); NaN for a single image, which has no neighbour.
    """

    def __init__(self, features: np.ndarray, neighbours: int) -> None:
        """Compute the radii.

        Args:
            features: float (n, k), finite.
            neighbours: k, at least 1; 3 in the paper, 5 in the paper on density and coverage.

        Raises:
            ValueError: `neighbours` is less than 1.
        """
        if neighbours < 1:
            raise ValueError(f"the number of neighbours must be at least 1, not {neighbours}")
        self.features = np.asarray(features, np.float64)
        self.n = len(self.features)
        self.neighbours_used = max(0, min(neighbours, self.n - 1))
        # Centring minimises the norms, and with them the rounding errors of distances.
        self._centre = self.features.mean(axis=0) if self.n else np.zeros(self.features.shape[1])
        self._centred = self.features - self._centre
        self._norms = (self._centred**2).sum(axis=1)
        self.radii = self._radii()

    def contains(self, features: np.ndarray) -> np.ndarray:
        """Whether images lie in any ball: bool (n,); arguments and errors as for `margin`."""
        inside: np.ndarray = self.margin(features) <= 1
        return inside

    def margin(self, features: np.ndarray) -> np.ndarray:
        """Smallest ratio, over all balls, of the distance to the centre to the radius.

        Args:
            features: float (n, k), finite.

        Returns:
            float64 (n,), at most 1 for images inside the manifold. A ball of radius zero (an image with at least k
            copies) contains these copies only: 0 for them, infinity for all other images.

        Raises:
            ValueError: the manifold has fewer than two images.
        """
        self._check()
        margins = [_ratio(distances, self.radii).min(axis=1) for distances in self.distances(features)]
        return np.concatenate([np.empty(0), *margins])

    def distances(self, features: np.ndarray) -> Iterator[np.ndarray]:
        """Euclidean distances to all images of this set, in blocks float64 (rows, n) in order."""
        queries = np.asarray(features, np.float64)
        rows = max(1, _AT_ONCE // max(1, self.n))
        for start in range(0, len(queries), rows):
            centred = queries[start : start + rows] - self._centre
            norms = (centred**2).sum(axis=1)[:, None] + self._norms
            squared = norms - 2 * centred @ self._centred.T
            yield np.sqrt(np.where(squared <= _SAME * norms, 0, squared))

    def _radii(self) -> np.ndarray:
        radii = np.full(self.n, np.nan)
        if self.n < 2:
            return radii
        start = 0
        for distances in self.distances(self.features):
            rows = np.arange(len(distances))
            distances[rows, start + rows] = np.inf
            k = self.neighbours_used - 1
            radii[start : start + len(distances)] = np.partition(distances, k, axis=1)[:, k]
            start += len(distances)
        return radii

    def _check(self) -> None:
        if self.n < 2:
            raise ValueError(f"a manifold needs at least two images, not {self.n}")


@dataclass(frozen=True)
class Proportion:
    """A share of images with its 95 % interval; if `value` is None, `reason` says why.

    Attributes:
        value: from 0 to 1; a density may be larger.
        low, high: from a bootstrap over images with the balls fixed; None for a single image.
        n_real, n_generated: number of images of each set.
        neighbours: k of the balls used; for F1 the smaller of the two.
        reason: why there is no value, else None.
    """

    value: float | None
    low: float | None
    high: float | None
    n_real: int
    n_generated: int
    neighbours: int
    reason: str | None


@dataclass(frozen=True)
class PrecisionRecall:
    """Result of `precision_recall`.

    Attributes:
        precision: share of generated images in the real manifold.
        recall: share of real images in the generated manifold.
        f1: harmonic mean of precision and recall.
        density: number of real balls that contain a generated image over `neighbours`; mean over generated images.
        coverage: share of real balls that contain a generated image.
    """

    precision: Proportion
    recall: Proportion
    f1: Proportion
    density: Proportion
    coverage: Proportion


def precision_recall(real: Manifold, generated: Manifold, *, seed: int) -> PrecisionRecall:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020, arXiv:2002.09797).

    All values depend on the numbers of images and neighbours: compare only values with the same numbers.

    Args:
        real: manifold of real images.
        generated: manifold of generated images.
        seed: seed of the resamples.
    """
    real_balls_hit, covered, recalled = _memberships(real, generated)
    k_real, k_generated = real.neighbours_used, generated.neighbours_used

    def proportion(interval: Interval, neighbours: int, reason: str | None) -> Proportion:
        if reason is not None:
            interval = Interval(None, None, None)
        return Proportion(*interval, real.n, generated.n, neighbours, reason)

    reason_real = _too_few(real.n, "real") or _missing(generated.n, "generated")
    reason_generated = _too_few(generated.n, "generated") or _missing(real.n, "real")
    precision = bootstrap_mean(real_balls_hit > 0, seed=seed)
    recall = bootstrap_mean(recalled, seed=seed)
    return PrecisionRecall(
        precision=proportion(precision, k_real, reason_real),
        recall=proportion(recall, k_generated, reason_generated),
        f1=proportion(
            _f1(real_balls_hit > 0, recalled, seed), min(k_real, k_generated), reason_real or reason_generated
        ),
        density=proportion(bootstrap_mean(real_balls_hit / max(1, k_real), seed=seed), k_real, reason_real),
        coverage=proportion(bootstrap_mean(covered, seed=seed), k_real, reason_real),
    )


def _memberships(real: Manifold, generated: Manifold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Memberships of images in balls.

    Returns:
        Number of real balls that contain each generated image, int64; whether each real ball contains a generated
        image, bool; whether each real image is in a generated ball, bool.
    """
    real_balls_hit, covered, recalled = np.zeros(generated.n, np.int64), np.zeros(real.n, bool), np.zeros(real.n, bool)
    start = 0
    for distances in real.distances(generated.features):
        stop = start + len(distances)
        inside = distances <= real.radii  # comparisons with NaN are false
        real_balls_hit[start:stop] = inside.sum(axis=1)
        covered |= inside.any(axis=0)
        recalled |= (distances <= generated.radii[start:stop, None]).any(axis=0)
        start = stop
    return real_balls_hit, covered, recalled


def _f1(real_balls_hit: np.ndarray, recalled: np.ndarray, seed: int) -> Interval:
    m, n = len(real_balls_hit), len(recalled)
    if not m or not n:
        return Interval(None, None, None)
    p, r = float(real_balls_hit.mean()), float(recalled.mean())
    value = float(_harmonic(np.array(p), np.array(r)))
    if min(m, n) < 2:
        return Interval(value, None, None)
    # Bootstrap resamples of a share are binomial.
    rng = np.random.default_rng(seed)
    resampled = _harmonic(rng.binomial(m, p, RESAMPLES) / m, rng.binomial(n, r, RESAMPLES) / n)
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _harmonic(p: np.ndarray, r: np.ndarray) -> np.ndarray:
    total = p + r
    mean: np.ndarray = np.divide(2 * p * r, total, out=np.zeros_like(total), where=total > 0)
    return mean


def _ratio(distances: np.ndarray, radii: np.ndarray) -> np.ndarray:
    without_radius = np.where(distances == 0, 0.0, np.inf)
    ratio: np.ndarray = np.divide(distances, radii, out=without_radius, where=radii > 0)
    return ratio


def _too_few(n: int, which: str) -> str | None:
    return f"{n} {which} image{'' if n == 1 else 's'} are too few: a manifold takes two" if n < 2 else None


def _missing(n: int, which: str) -> str | None:
    return f"there are no {which} images" if n == 0 else None
