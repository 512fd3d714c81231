"""The physical scale of a source, estimated from the diameter of its red cells.

Red cells of healthy blood are about 7 um wide in every laboratory, so the ratio of their diameters in two sources is
the ratio of the magnifications of the sources. An arc of a third of a cell's outline gives its diameter, so cells
count that touch others or that the border of the image cuts: where cells are large or crowded, there are few others.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from hemabalance.dataset.geometry import fit_square

SIDE = 256
"""Side in pixels of the image that is measured. The lengths below are in pixels of it."""

# Range of diameters as shares of the side: smaller arcs are mostly of platelets, granules and pale centres.
_SMALLEST, _LARGEST = 0.06, 0.65
_BLUR = 1.0  # sigma that smooths the image, in pixels
_SMOOTH = 2.5  # sigma of the outline, in steps of a pixel
_MOST_CONCAVE, _MOST_CURVED = -0.012, 0.16  # curvature in 1/pixel; an outline is cut where it is outside
_LEAST_ANGLE = 2.0  # rad of the circle that the arc covers
_FEWEST_STEPS = 12
_DEVIATION, _PIXEL_DEVIATION = 0.02, 0.4  # root mean square from the circle: share of the radius, or pixels if more
NUCLEUS_RED = 0.56  # of the background's red; pixels with less belong to a nucleus
_RIM, _LEAST_DARK_RIM = (0.8, 0.95), 0.9  # radii of a ring, and the share of it that is darker than the background
_DARKER_THAN_BACKGROUND = 18  # grey levels of the green channel
_MOST_NUCLEUS = 0.05  # share of the disk
_POPULATION = (0.65, 1.5)  # diameters of red cells, as multiples of the middle one


@dataclass(frozen=True)
class Diameter:
    """Median red-cell diameter of n cells, as a share of the image's side, with a 95 % interval; NaN if n = 0."""

    n: int
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class RedCell:
    """A part of the outline of a red cell and the circle that fits it, in pixels of a square of SIDE.

    Attributes:
        arc: float64 (points, 2): row and column of points a pixel apart.
        row, column, radius: of the circle.
    """

    arc: np.ndarray
    row: float
    column: float
    radius: float

    @property
    def diameter(self) -> float:
        """Of the circle, as a share of the side."""
        return 2 * self.radius / SIDE


def red_cell_diameters(image: np.ndarray) -> np.ndarray:
    """Diameters of the circles that fit arcs of the outlines of red cells.

    Args:
        image: RGB uint8 (side, side, 3).

    Returns:
        float64 (arcs,): diameters as shares of the side, in (0.06, 0.65). A cell may have two arcs. A few arcs are of
        other things; see `one_population`.
    """
    square = fit_square(image, size=SIDE, fit="crop", field=1.0)
    return np.array([cell.diameter for cell in fitted_red_cells(square)], np.float64)


def median_diameter(images: Iterable[np.ndarray]) -> Diameter:
    """The median diameter over all red cells of several images; see `diameter_of`.

    Args:
        images: RGB uint8 (side, side, 3) each.
    """
    return diameter_of(one_population(np.concatenate([np.empty(0), *map(red_cell_diameters, images)])))


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


def diameter_of(diameters: np.ndarray) -> Diameter:
    """The median of the diameters of red cells with its interval.

    The interval is distribution-free, between order statistics given by the binomial distribution (Conover, Practical
    Nonparametric Statistics, 3rd edition, section 3.2).

    Args:
        diameters: float64 (cells,), as shares of the image's side.
    """
    from scipy.stats import binom  # slow to import, and not needed for most predictions

    shares = np.sort(diameters)
    n = len(shares)
    if n == 0:
        return Diameter(0, np.nan, np.nan, np.nan)
    low, high = (int(binom.ppf(q, n, 0.5)) for q in (0.025, 0.975))
    return Diameter(n, float(np.median(shares)), float(shares[max(low - 1, 0)]), float(shares[min(high, n - 1)]))


def fitted_red_cells(image: np.ndarray) -> list[RedCell]:
    """The arcs in an image, RGB uint8 (SIDE, SIDE, 3), that circles of the size of red cells fit."""
    green = ndimage.gaussian_filter(image[..., 1].astype(np.float32), _BLUR)
    bright = green > otsu(green)
    if not bright.any():
        return []
    background = float(np.median(green[bright]))
    nucleus = image[..., 0] < NUCLEUS_RED * np.median(image[..., 0][bright])
    red = (green < background - _DARKER_THAN_BACKGROUND) & ~nucleus
    if not red.any():
        return []
    # Halfway between background and cells, where a blur does not move the outline.
    level = min(background - _DARKER_THAN_BACKGROUND, (background + float(np.median(green[red]))) / 2)
    dark = green < level
    cells = [
        RedCell(arc, *circle)
        for outline in find_contours(green, level)  # type: ignore[no-untyped-call]
        for arc in _arcs(outline)
        if (circle := _circle(arc)) is not None and _is_red_cell(circle, dark, nucleus)
    ]
    return [cell for cell in cells if _SMALLEST < cell.diameter < _LARGEST]


def _arcs(outline: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of an outline, float64 (points, 2) a pixel apart, that bend around the dark side like one cell."""
    steps = np.r_[0, np.hypot(*np.diff(outline, axis=0).T).cumsum()]
    if steps[-1] < _FEWEST_STEPS:
        return
    places = np.arange(0, steps[-1], 1.0)
    points = np.column_stack([np.interp(places, steps, outline[:, axis]) for axis in (0, 1)])
    closed = bool((outline[0] == outline[-1]).all())
    cut = _is_cut(points, closed=closed)
    if not cut.any():
        yield points
        return
    if closed:  # starts at a cut, so that no arc is divided by the start
        first = int(np.argmax(cut))
        points, cut = np.roll(points, -first, axis=0), np.roll(cut, -first)
    margin = round(_SMOOTH)
    for (part,) in ndimage.find_objects(ndimage.label(~cut)[0]):
        arc = points[part]
        yield arc[margin:-margin] if len(arc) > 4 * margin else arc


def _is_cut(points: np.ndarray, *, closed: bool) -> np.ndarray:
    """bool (points,): where the smoothed outline is concave or has a corner. `find_contours` goes around the dark."""
    mode = "wrap" if closed else "nearest"
    (dy, dx), (ddy, ddx) = (
        ndimage.gaussian_filter1d(points, _SMOOTH, axis=0, order=order, mode=mode).T for order in (1, 2)
    )
    curvature = (dy * ddx - dx * ddy) / np.maximum(dy**2 + dx**2, 1e-6) ** 1.5
    cut: np.ndarray = (curvature < _MOST_CONCAVE) | (np.abs(curvature) > _MOST_CURVED)
    return cut


def _circle(arc: np.ndarray) -> tuple[float, float, float] | None:
    """Row, column and radius of the circle through an arc (Taubin 1991); None if it is short or not of a circle."""
    if len(arc) < _FEWEST_STEPS:
        return None
    centre = arc.mean(axis=0)
    shifted = arc - centre
    squares = (shifted**2).sum(axis=1)
    mean = squares.mean()
    design = np.column_stack([(squares - mean) / (2 * np.sqrt(mean)), shifted])
    solution = np.linalg.svd(design, full_matrices=False)[2][2]
    quadratic = solution[0] / (2 * np.sqrt(mean))
    if abs(quadratic) < 1e-9:  # a line
        return None
    offset = -solution[1:] / (2 * quadratic)
    radius = float(np.sqrt((offset**2).sum() + mean))
    deviation = np.sqrt(((np.hypot(*(shifted - offset).T) - radius) ** 2).mean())
    if radius > SIDE / 2 or len(arc) < _LEAST_ANGLE * radius:
        return None
    if deviation > max(_DEVIATION * radius, _PIXEL_DEVIATION):
        return None
    row, column = centre + offset
    return float(row), float(column), radius


def _is_red_cell(circle: tuple[float, float, float], dark: np.ndarray, nucleus: np.ndarray) -> bool:
    """Whether the disk, as far as it is in the image, has a dark rim and no nucleus."""
    row, column, radius = circle
    rows, columns = (slice(max(0, int(at - radius)), max(0, int(at + radius) + 1)) for at in (row, column))
    down, across = np.ogrid[: dark.shape[0], : dark.shape[1]]
    distance = np.hypot(down[rows] - row, across[:, columns] - column) / radius
    disk, rim = distance < _RIM[1], (distance > _RIM[0]) & (distance < _RIM[1])
    if not disk.any() or not rim.any():
        return False
    return bool(
        nucleus[rows, columns][disk].mean() <= _MOST_NUCLEUS and dark[rows, columns][rim].mean() > _LEAST_DARK_RIM
    )


def otsu(values: np.ndarray) -> float:
    """Threshold that splits values into two classes with least within-class variance (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[1:] + edges[:-1]) / 2
    below, above = counts.cumsum(), counts[::-1].cumsum()[::-1]
    mean_below = (counts * centres).cumsum() / np.maximum(below, 1)
    mean_above = ((counts * centres)[::-1].cumsum() / np.maximum(above[::-1], 1))[::-1]
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[int(np.argmax(between))])
