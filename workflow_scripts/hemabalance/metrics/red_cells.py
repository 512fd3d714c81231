"""The physical scale of a source, estimated from the diameter of its red cells.

Red cells of healthy blood are about 7 um wide in every laboratory, so the ratio of their diameters in two sources is
the ratio of the magnifications of the sources.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.stats import binom

# Range of diameters of a single red cell, as shares of the image's side.
_SMALLEST, _LARGEST = 0.1, 0.4
DARKER_THAN_BACKGROUND = 18  # grey levels of the green channel
_NUCLEUS_RED = 130  # pixels with a smaller red value belong to a nucleus, which a red cell does not have
MOST_NUCLEUS = 0.05  # share of nucleus pixels
_LONGEST_AXIS_RATIO = 1.25
_ELLIPSE_FILL = 0.98  # least ratio of the area to that of the ellipse of equal second moments
_FEWEST_PIXELS = 25


@dataclass(frozen=True)
class Diameter:
    """Median red-cell diameter of n cells, as a share of the image's side, with a 95 % interval; NaN if n = 0."""

    n: int
    median: float
    low: float
    high: float


def red_cell_diameters(image: np.ndarray) -> np.ndarray:
    """Diameters of the single, round red cells that lie completely within an image.

    Args:
        image: RGB uint8 (side, side, 3).

    Returns:
        float64 (cells,): diameter of the circle of equal area, as a share of the side, in (0.1, 0.4).
    """
    side = image.shape[0]
    green = ndimage.gaussian_filter(image[..., 1].astype(np.float32), side * 0.004)
    bright = green[green > otsu(green)]
    if not len(bright):
        return np.empty(0)
    cells = ndimage.binary_fill_holes(green < np.median(bright) - DARKER_THAN_BACKGROUND)
    cells = ndimage.binary_opening(cells, iterations=max(1, round(side * 0.008)))
    components, _ = ndimage.label(cells)
    nucleus = image[..., 0] < _NUCLEUS_RED
    diameters = [
        _diameter(components[box] == number, nucleus[box])
        for number, box in enumerate(ndimage.find_objects(components), start=1)
        if all(extent.start > 0 and extent.stop < side for extent in box)
    ]
    shares = np.array([diameter for diameter in diameters if diameter is not None], np.float64) / side
    red_cells: np.ndarray = shares[(shares > _SMALLEST) & (shares < _LARGEST)]
    return red_cells


def median_diameter(images: Iterable[np.ndarray]) -> Diameter:
    """The median diameter over all red cells of several images; see `diameter_of`.

    Args:
        images: RGB uint8 (side, side, 3) each.
    """
    return diameter_of(np.concatenate([np.empty(0), *map(red_cell_diameters, images)]))


def diameter_of(diameters: np.ndarray) -> Diameter:
    """The median of the diameters of red cells with its interval.

    The interval is distribution-free, between order statistics given by the binomial distribution (Conover, Practical
    Nonparametric Statistics, 3rd edition, section 3.2).

    Args:
        diameters: float64 (cells,), as shares of the image's side.
    """
    shares = np.sort(diameters)
    n = len(shares)
    if n == 0:
        return Diameter(0, np.nan, np.nan, np.nan)
    low, high = (int(binom.ppf(q, n, 0.5)) for q in (0.025, 0.975))
    return Diameter(n, float(np.median(shares)), float(shares[max(low - 1, 0)]), float(shares[min(high, n - 1)]))


def _diameter(cell: np.ndarray, nucleus: np.ndarray) -> float | None:
    """Diameter in pixels of a mask that is nearly a circle, as a single red cell is; None for other masks."""
    area = float(cell.sum())
    if area < _FEWEST_PIXELS or nucleus[cell].mean() > MOST_NUCLEUS:
        return None
    # The ellipse of equal second moments is larger than the mask of a clump or a crescent.
    covariance = np.cov(np.stack(np.nonzero(cell)), bias=True) + np.eye(2) / 12
    narrow, wide = np.sqrt(np.linalg.eigvalsh(covariance))
    if wide > _LONGEST_AXIS_RATIO * narrow or area < _ELLIPSE_FILL * 4 * np.pi * narrow * wide:
        return None
    return float(2 * np.sqrt(area / np.pi))


def otsu(values: np.ndarray) -> float:
    """Threshold that splits values into two classes with least within-class variance (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[1:] + edges[:-1]) / 2
    below, above = counts.cumsum(), counts[::-1].cumsum()[::-1]
    mean_below = (counts * centres).cumsum() / np.maximum(below, 1)
    mean_above = ((counts * centres)[::-1].cumsum() / np.maximum(above[::-1], 1))[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[int(np.argmax(between))])
