"""The size of cells in photographs without labels, by which images of two sources are brought to one physical scale.

Measured are red cells, and as a fallback the nuclei in the middle of the images. A diameter can be compared only with
a diameter by the same method.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hemabalance.dataset.geometry import Fit, fit_square
from hemabalance.metrics.central_nucleus import nucleus_diameter
from hemabalance.metrics.red_cells import SIDE, diameter_of, one_population, red_cell_diameters

Method = Literal["red_cells", "nuclei"]
METHODS: tuple[Method, ...] = ("red_cells", "nuclei")
"""In the order of preference."""

NAMES: Mapping[Method, str] = {"red_cells": "red cells", "nuclei": "nuclei"}

SAMPLED = 300
"""Photographs of a source that are measured."""

FEWEST_CELLS = 10
WIDEST = 0.1
"""Largest distance of an end of the 95 % interval from the median, as a share of it, at which a size is trusted."""


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
        """The size as JSON values, to 4 digits."""
        quartiles = np.percentile(self.diameters, [25, 75]).round(4).tolist() if len(self.diameters) else None
        numbers = {name: round(getattr(self, name), 4) for name in ("median", "low", "high")}
        return {
            "cells": len(self.diameters),
            **(numbers if len(self.diameters) else dict.fromkeys(numbers)),
            "quartiles": quartiles,
            "diameters": self.diameters.tolist(),
        }


@dataclass(frozen=True)
class CellSizes:
    """Number of images, and the size of their cells by each method."""

    images: int
    of: Mapping[Method, CellSize]

    @property
    def trusted(self) -> dict[Method, CellSize]:
        """The sizes that can be trusted, the preferred method first."""
        return {method: size for method, size in self.of.items() if not size.problem}

    @property
    def problem(self) -> str:
        """What was found of each method, for an error."""
        return f"in {self.images} images, " + "; ".join(size.problem or size.text for size in self.of.values())

    @property
    def plain(self) -> dict[str, Any]:
        """The sizes as JSON values; `method` is the best one that can be trusted."""
        return {
            "images": self.images,
            "method": next(iter(self.trusted), None),
            **{method: size.plain for method, size in self.of.items()},
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "CellSizes":
        """The sizes from the values of `plain`."""
        return cls(
            values["images"], {name: size_of(name, np.array(values[name]["diameters"], float)) for name in METHODS}
        )


def measured_square(image: np.ndarray, *, fit: Fit) -> tuple[np.ndarray, float]:
    """The part of an image in which cells are measured, RGB uint8 (SIDE, SIDE, 3), and its share of the frame's side.

    Args:
        image, fit: as for `cell_diameters`.
    """
    share = 1.0 if fit == "crop" else min(image.shape[:2]) / max(image.shape[:2])
    return fit_square(image, size=SIDE, fit="crop", field=1.0), share


def cell_diameters(image: np.ndarray, *, fit: Fit) -> dict[Method, np.ndarray]:
    """Diameters of the cells in the centred square of an image, by each method.

    Args:
        image: RGB uint8 (height, width, 3).
        fit: side of which the diameters are shares, see `geometry.fit_square`: the shorter (`crop`) or longer (`pad`).

    Returns:
        Method -> float64 (cells,).
    """
    square, share = measured_square(image, fit=fit)
    return {"red_cells": share * red_cell_diameters(square), "nuclei": share * nucleus_diameter(square)}


def cell_sizes(diameters: Iterable[Mapping[Method, np.ndarray]]) -> CellSizes:
    """The size of the cells of several images; an item is the diameters in one image."""
    images = list(diameters)
    found = {method: np.concatenate([np.empty(0), *(image[method] for image in images)]) for method in METHODS}
    found["red_cells"] = one_population(found["red_cells"])
    return CellSizes(len(images), {method: size_of(method, values) for method, values in found.items()})


def size_of(method: Method, diameters: np.ndarray) -> CellSize:
    """The size from diameters, float64 (cells,), as shares of the frame's side; they are rounded to 4 digits."""
    rounded = np.sort(diameters).round(4)
    diameter = diameter_of(rounded)
    return CellSize(method, rounded, diameter.median, diameter.low, diameter.high)
