"""The size of cells in photographs without labels, by which images of two sources are brought to one physical scale.

Measured are red cells, and as a fallback the nuclei in the middle of the images. A diameter can be compared only with
a diameter by the same method.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hemabalance.dataset.geometry import fit_square
from hemabalance.metrics.central_nucleus import nucleus_diameter
from hemabalance.metrics.red_cell_arcs import SIDE, arc_diameters
from hemabalance.metrics.red_cells import diameter_of

Method = Literal["red_cells", "nuclei"]
METHODS: tuple[Method, ...] = ("red_cells", "nuclei")
"""In the order of preference."""

NAMES: Mapping[Method, str] = {"red_cells": "red cells", "nuclei": "nuclei"}

SAMPLED = 300
"""Photographs of a source that are measured."""

FEWEST_CELLS = 10
WIDEST = 0.1
"""Largest distance of an end of the 95 % interval from the median, as a share of it, at which a size is trusted."""

_POPULATION = (0.65, 1.5)  # diameters of one kind of cell, as multiples of the middle one


@dataclass(frozen=True)
class CellSize:
    """Diameters of the cells of a source by one method, as shares of the frame's side.

    Attributes:
        method: what was measured.
        diameters: float64 (cells,), sorted.
        median, low, high: median with its 95 % interval, see `red_cells.diameter_of`; NaN without cells.
    """

    method: Method
    diameters: np.ndarray
    median: float
    low: float
    high: float

    @property
    def problem(self) -> str:
        """Why the size cannot be trusted; empty if it can."""
        cells = len(self.diameters)
        if cells < FEWEST_CELLS:
            return f"only {cells} {NAMES[self.method]} were found ({FEWEST_CELLS} are needed)"
        if max(self.high - self.median, self.median - self.low) > WIDEST * self.median:
            return f"{self.text}: the interval is wider than ±{WIDEST:.0%}"
        return ""

    @property
    def text(self) -> str:
        """The size in words."""
        interval = f"{self.median:.3f} of the frame (95 % interval {self.low:.3f} to {self.high:.3f}"
        return f"{NAMES[self.method]} measure {interval}, {len(self.diameters)} found)"

    @property
    def plain(self) -> dict[str, Any]:
        """The size as JSON values."""
        quartiles = np.percentile(self.diameters, [25, 75]).round(4).tolist() if len(self.diameters) else None
        numbers = {name: round(getattr(self, name), 4) for name in ("median", "low", "high")}
        return {
            "cells": len(self.diameters),
            **(numbers if len(self.diameters) else dict.fromkeys(numbers)),
            "quartiles": quartiles,
            "diameters": self.diameters.round(4).tolist(),
        }


def cell_diameters(image: np.ndarray) -> dict[Method, np.ndarray]:
    """Diameters of the cells in the centred square of an image, by each method, as shares of its shorter side.

    Args:
        image: RGB uint8 (height, width, 3).
    """
    square = fit_square(image, size=SIDE, fit="crop", field=1.0)
    return {"red_cells": arc_diameters(square), "nuclei": nucleus_diameter(square)}


def cell_sizes(diameters: Iterable[Mapping[Method, np.ndarray]]) -> dict[Method, CellSize]:
    """The size of the cells of several images by each method; an item is the diameters of one image."""
    images = list(diameters)
    found = {method: np.concatenate([np.empty(0), *(image[method] for image in images)]) for method in METHODS}
    found["red_cells"] = one_population(found["red_cells"])
    return {method: size_of(method, values) for method, values in found.items()}


def size_of(method: Method, diameters: np.ndarray) -> CellSize:
    """The size from diameters, float64 (cells,), as shares of the frame's side."""
    diameter = diameter_of(diameters)
    return CellSize(method, np.sort(diameters), diameter.median, diameter.low, diameter.high)


def one_population(diameters: np.ndarray) -> np.ndarray:
    """The diameters without those far from the middle one, which are of platelets, parts of cells and clumps.

    The middle is the median weighted by area, because small arcs by chance are more numerous than large ones.
    """
    if not len(diameters):
        return diameters
    ordered = np.sort(diameters)
    areas = (ordered**2).cumsum()
    middle = ordered[np.searchsorted(areas, areas[-1] / 2)]
    kept: np.ndarray = diameters[(diameters > _POPULATION[0] * middle) & (diameters < _POPULATION[1] * middle)]
    return kept
