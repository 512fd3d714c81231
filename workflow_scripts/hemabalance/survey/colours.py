"""The distance between the colours of laboratories: how far their stains and lamps are apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hemabalance.survey.sampling import SampledImages

FAR = 10.0
"""CIELAB distance from which two stains are far apart; about 2 can just be seen."""


@dataclass(frozen=True)
class StainDistance:
    """CIELAB distances (CIE 1976) of the mean colours of two laboratories; NaN where one of them has no such pixels."""

    first: str
    second: str
    background: float
    cells: float

    @property
    def far(self) -> bool:
        """Whether the stains are far apart."""
        return bool(np.nanmax([self.background, self.cells, 0.0]) >= FAR)


def stain_distances(samples: Mapping[str, SampledImages]) -> list[StainDistance]:
    """The distance of each pair of laboratories, the largest first."""
    pairs = [
        StainDistance(first, second, _distance(a.background, b.background), _distance(a.cells, b.cells))
        for (first, a), (second, b) in combinations(samples.items(), 2)
    ]
    return sorted(pairs, key=lambda pair: -np.nan_to_num(pair.background + pair.cells))


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    if not (len(first) and len(second)):
        return float("nan")
    return float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)))


def distance_text(pair: StainDistance) -> str:
    """The distance of two laboratories in words."""
    shown = [
        f"{what} {'not measurable' if np.isnan(distance) else f'{distance:.0f}'}"
        for what, distance in (("background", pair.background), ("cells", pair.cells))
    ]
    return f"{pair.first} - {pair.second}: {', '.join(shown)}"
