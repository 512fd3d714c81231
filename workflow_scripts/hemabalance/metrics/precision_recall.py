"""How much of one set of images lies within another: precision, recall, density, coverage on their features."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hemabalance.metrics.intervals import RESAMPLES, Interval, bootstrap_mean

_AT_ONCE = 1 << 22  # distances held together
_SAME = 1e-12  # of the squared norms: what rounding leaves of the squared distance of copies


class Manifold:
    """A set of images as balls around their features, each as wide as the distance to its k-th nearest other.

    Kynkäänniemi et al. 2019, arXiv:1904.06991. The boundary belongs to a ball.

    Attributes:
        n: images.
        neighbours_used: k, which is n - 1 where that is less than what was asked for.
        radii: float64 (n,); NaN with a single image, which has no others.
    """

    def __init__(self, features: np.ndarray, neighbours: int) -> None:
        """Measure the balls.

        Args:
            features: float (n, k), finite.
            neighbours: at least 1; 3 in the paper, 5 in that of density and coverage.
        """
        if neighbours < 1:
            raise ValueError(f"a ball needs a neighbour to reach to, not {neighbours}")
        self.features = np.asarray(features, np.float64)
        self.n = len(self.features)
        self.neighbours_used = max(0, min(neighbours, self.n - 1))
        # Norms are then as small as they can be, and with them what rounding does to distances.
        self._centre = self.features.mean(axis=0) if self.n else np.zeros(self.features.shape[1])
        self._centred = self.features - self._centre
        self._norms = (self._centred**2).sum(axis=1)
        self.radii = self._radii()

    def contains(self, features: np.ndarray) -> np.ndarray:
        """Whether images lie in any ball: bool (n,); arguments and errors as `margin`."""
        inside: np.ndarray = self.margin(features) <= 1
        return inside

    def margin(self, features: np.ndarray) -> np.ndarray:
        """How far out images lie: the least, over all balls, of the distance to the centre over the radius.

        Args:
            features: float (n, k), finite.

        Returns:
            float64 (n,), at most 1 for what lies inside. A ball of no radius, of an image with as many copies as there
            are neighbours, holds those copies alone: 0 for them, infinity for all else.

        Raises:
            ValueError: fewer than two images, and so no balls.
        """
        self._check()
        parts = [_ratio(distance, self.radii).min(axis=1) for distance in self.distances(features)]
        return np.concatenate([np.empty(0), *parts])

    def distances(self, features: np.ndarray) -> Iterator[np.ndarray]:
        """Euclidean distances to all images of this set, float64 (some, n) at a time, in order."""
        others = np.asarray(features, np.float64)
        rows = max(1, _AT_ONCE // max(1, self.n))
        for start in range(0, len(others), rows):
            centred = others[start : start + rows] - self._centre
            norms = (centred**2).sum(axis=1)[:, None] + self._norms
            squared = norms - 2 * centred @ self._centred.T
            yield np.sqrt(np.where(squared <= _SAME * norms, 0, squared))

    def _radii(self) -> np.ndarray:
        radii = np.full(self.n, np.nan)
        if self.n < 2:
            return radii
        start = 0
        for distance in self.distances(self.features):
            rows = np.arange(len(distance))
            distance[rows, start + rows] = np.inf
            k = self.neighbours_used - 1
            radii[start : start + len(distance)] = np.partition(distance, k, axis=1)[:, k]
            start += len(distance)
        return radii

    def _check(self) -> None:
        if self.n < 2:
            raise ValueError(f"a manifold takes two images, not {self.n}")


@dataclass(frozen=True)
class Proportion:
    """A share of images with its 95 % interval; `value` is None where `reason` says why.

    Attributes:
        value: from 0 to 1; a density may be larger.
        low, high: by a bootstrap over images, the balls left as they are; None with a single image.
        n_real, n_generated: images of each set.
        neighbours: of the balls it was measured by; of F1 the fewer of the two.
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
    """What `precision_recall` found.

    Attributes:
        precision: share of generated images in the real manifold.
        recall: share of real images in the generated manifold.
        f1: harmonic mean of the two.
        density: real balls that a generated image lies in, over `neighbours`; mean over generated images.
        coverage: share of real balls that hold a generated image.
    """

    precision: Proportion
    recall: Proportion
    f1: Proportion
    density: Proportion
    coverage: Proportion


def precision_recall(real: Manifold, generated: Manifold, *, seed: int) -> PrecisionRecall:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020, arXiv:2002.09797).

    Compare only what has the same numbers of images and neighbours: all of them depend on both.

    Args:
        real: manifold of real images.
        generated: manifold of generated images.
        seed: of the resamples.
    """
    in_real, held, in_generated = _memberships(real, generated)
    k_real, k_generated = real.neighbours_used, generated.neighbours_used

    def share(found: Interval, neighbours: int, reason: str | None) -> Proportion:
        if reason is not None:
            found = Interval(None, None, None)
        return Proportion(*found, real.n, generated.n, neighbours, reason)

    no_real = _too_few(real.n, "real") or _none(generated.n, "generated")
    no_generated = _too_few(generated.n, "generated") or _none(real.n, "real")
    precision = bootstrap_mean(in_real > 0, seed=seed)
    recall = bootstrap_mean(in_generated, seed=seed)
    return PrecisionRecall(
        precision=share(precision, k_real, no_real),
        recall=share(recall, k_generated, no_generated),
        f1=share(_f1(in_real > 0, in_generated, seed), min(k_real, k_generated), no_real or no_generated),
        density=share(bootstrap_mean(in_real / max(1, k_real), seed=seed), k_real, no_real),
        coverage=share(bootstrap_mean(held, seed=seed), k_real, no_real),
    )


def _memberships(real: Manifold, generated: Manifold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Real balls that each generated image is in; whether each real ball holds one; whether each real is in a ball."""
    in_real, held, in_generated = np.zeros(generated.n, np.int64), np.zeros(real.n, bool), np.zeros(real.n, bool)
    start = 0
    for distance in real.distances(generated.features):
        stop = start + len(distance)
        inside = distance <= real.radii  # nothing is within NaN
        in_real[start:stop] = inside.sum(axis=1)
        held |= inside.any(axis=0)
        in_generated |= (distance <= generated.radii[start:stop, None]).any(axis=0)
        start = stop
    return in_real, held, in_generated


def _f1(in_real: np.ndarray, in_generated: np.ndarray, seed: int) -> Interval:
    m, n = len(in_real), len(in_generated)
    if not m or not n:
        return Interval(None, None, None)
    p, r = float(in_real.mean()), float(in_generated.mean())
    value = float(_harmonic(np.array(p), np.array(r)))
    if min(m, n) < 2:
        return Interval(value, None, None)
    # Resampled shares of yes and no are binomial.
    rng = np.random.default_rng(seed)
    drawn = _harmonic(rng.binomial(m, p, RESAMPLES) / m, rng.binomial(n, r, RESAMPLES) / n)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _harmonic(p: np.ndarray, r: np.ndarray) -> np.ndarray:
    total = p + r
    mean: np.ndarray = np.divide(2 * p * r, total, out=np.zeros_like(total), where=total > 0)
    return mean


def _ratio(distance: np.ndarray, radii: np.ndarray) -> np.ndarray:
    none = np.where(distance == 0, 0.0, np.inf)
    ratio: np.ndarray = np.divide(distance, radii, out=none, where=radii > 0)
    return ratio


def _too_few(n: int, which: str) -> str | None:
    return f"{n} {which} image{'' if n == 1 else 's'} are too few: a manifold takes two" if n < 2 else None


def _none(n: int, which: str) -> str | None:
    return f"there are no {which} images" if n == 0 else None
