"""Diameters of red cells from the arcs of their outlines, also where cells touch or the border of the image cuts them.

`red_cells` measures only cells that lie alone and completely within an image. Where cells are large in the image or
crowded, these are few, and smaller than the others; an arc of a third of the outline gives the diameter too.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from hemabalance.metrics.red_cells import DARKER_THAN_BACKGROUND, MOST_NUCLEUS, otsu

SIDE = 256
"""Side of the images in pixels. All lengths below are for this side."""

# Range of diameters as shares of the side: smaller arcs are mostly of platelets, granules and pale centres.
_SMALLEST, _LARGEST = 0.06, 0.65
_BLUR = 1.0  # sigma of the image, in pixels
_SMOOTH = 2.5  # sigma of the outline, in steps of a pixel
_MOST_CONCAVE, _MOST_CURVED = -0.012, 0.16  # curvature in 1/pixel; an outline is cut where it is outside
_LEAST_ANGLE = 2.0  # rad of the circle that the arc covers
_FEWEST_STEPS = 12
_DEVIATION, _PIXEL_DEVIATION = 0.02, 0.4  # root mean square from the circle: share of the radius, or pixels if more
_NUCLEUS_RED = 0.56  # of the background's red; pixels with less belong to a nucleus
_RIM, _LEAST_DARK_RIM = (0.8, 0.95), 0.9  # radii of a ring, and the share of it that is darker than the background


def arc_diameters(image: np.ndarray) -> np.ndarray:
    """Diameters of the circles that fit arcs of the outlines of red cells.

    Args:
        image: RGB uint8 (SIDE, SIDE, 3).

    Returns:
        float64 (arcs,): diameters as shares of the side, in (0.06, 0.65). A cell may have two arcs. A few arcs are not
        of red cells; see `cell_size.one_population`.
    """
    circles = fitted_circles(image)
    shares = np.array([2 * radius / SIDE for _, _, radius in circles], np.float64)
    inside: np.ndarray = shares[(shares > _SMALLEST) & (shares < _LARGEST)]
    return inside


def fitted_circles(image: np.ndarray) -> list[tuple[float, float, float]]:
    """Row, column and radius in pixels of the circles of `arc_diameters`, of any diameter below the side."""
    green = ndimage.gaussian_filter(image[..., 1].astype(np.float32), _BLUR)
    bright = green > otsu(green)
    if not bright.any():
        return []
    level = float(np.median(green[bright])) - DARKER_THAN_BACKGROUND
    nucleus = image[..., 0] < _NUCLEUS_RED * np.median(image[..., 0][bright])
    return [
        circle
        for outline in find_contours(green, level)  # type: ignore[no-untyped-call]
        for arc in _arcs(outline)
        if (circle := _circle(arc)) is not None and _is_red_cell(circle, green < level, nucleus)
    ]


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
    return bool(nucleus[rows, columns][disk].mean() <= MOST_NUCLEUS and dark[rows, columns][rim].mean() > _LEAST_DARK_RIM)
