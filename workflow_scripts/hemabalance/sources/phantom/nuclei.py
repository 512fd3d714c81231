"""Building blocks of nuclei: capsules on an arc, capsules on a winding path, dented ovals, scattered discs.

A capsule is (x0, y0, x1, y1, radius), a disc (x, y, radius); µm from the centre of the cell.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Rng = np.random.Generator
Recipe = dict[str, Any]  # parameters of one cell, keyed by the fields of `Cells`

ABSENT = -np.inf  # radius of an absent item
NO_NOTCH = np.array([0.0, 0.0, ABSENT])
FILAMENT = 0.28  # µm, radius of the thread between two lobes


def padded(items: ArrayLike, slots: int, width: int) -> Array:
    """Pad `items` (k, width) with absent items (last column, the radius, -inf) to `slots` rows."""
    table = np.zeros((slots, width))
    table[:, -1] = ABSENT
    rows = np.asarray(items, float).reshape(-1, width)
    table[: len(rows)] = rows
    return table


def arc(rng: Rng, bend: float, thickness: float, extent: float, pieces: int) -> Array:
    """Sample a band nucleus: capsules (pieces, 5) of uneven thickness on an arc of radius `bend` over `extent` rad."""
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(-0.5, 0.5, pieces + 1) * extent
    reach = bend * rng.uniform(0.88, 1.12, pieces + 1)
    knots = np.column_stack([np.cos(angles), np.sin(angles)]) * reach[:, None]
    knots -= 0.35 * knots.mean(axis=0)
    return np.column_stack([knots[:-1], knots[1:], thickness * rng.uniform(0.85, 1.15, pieces)])


def walk(rng: Rng, count: int, radius: float) -> Array:
    """Sample a segmented nucleus in a cell of `radius`: `count` (2..5) lobes on a winding path, joined by threads.

    Returns:
        (2 * count - 1, 5) capsules: the lobes, then the threads.
    """
    size = radius * {2: 0.34, 3: 0.285, 4: 0.245, 5: 0.21}[count] * rng.uniform(0.92, 1.08)
    turn = {2: 0.0, 3: 1.5, 4: 1.35, 5: 1.15}[count] * rng.uniform(0.75, 1.15)
    winding = rng.uniform() < 0.25
    heading, spots = rng.uniform(0, 2 * np.pi), [np.zeros(2)]
    for step in range(count - 1):
        heading += turn * (-1.0 if winding and step % 2 else 1.0) + rng.normal(0, 0.2)
        spots.append(spots[-1] + size * rng.uniform(2.2, 2.7) * np.array([np.cos(heading), np.sin(heading)]))
    centres = np.array(spots) - np.mean(spots, axis=0) + rng.normal(0, 0.06 * radius, 2)
    reach = np.hypot(*centres.T).max() + size
    centres *= min(1.0, (0.86 * radius - size) / max(reach - size, 1e-6))
    tilt = rng.uniform(0, np.pi, count)
    half = size * rng.uniform(0.1, 0.4, count)[:, None] * np.column_stack([np.cos(tilt), np.sin(tilt)])
    lobes = np.column_stack([centres - half, centres + half, size * rng.uniform(0.85, 1.1, count)])
    threads = np.column_stack([centres[:-1], centres[1:], np.full(count - 1, FILAMENT)])
    return np.vstack([lobes, threads])


def oval(
    rng: Rng, size: float, radius: float, *, stretch: float, dent: float, offset: float = 1.0
) -> tuple[Array, Array]:
    """Sample a round to kidney-shaped nucleus of mean radius `size` in a cell of `radius`.

    Args:
        rng: random generator.
        size: mean radius of the nucleus, µm.
        radius: radius of the cell, µm.
        stretch: greatest elongation, relative to `size`.
        dent: depth of the indentation, 0 (none) to 1.6 (a kidney), relative to a third of `size`.
        offset: greatest eccentricity relative to `radius`; limited so that the nucleus stays inside the cell.

    Returns:
        Capsules (1, 5), and the disc (3,) to cut out, absent if `dent` is 0.
    """
    direction, bearing, pull = (*rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.2, 1.0))
    half = size * rng.uniform(0.0, stretch)
    max_shift = max(radius - size - 0.5 * half, 0.0) * 0.85
    shift = min(pull * offset * radius, max_shift) * np.array([np.cos(bearing), np.sin(bearing)])
    axis = np.array([np.cos(direction), np.sin(direction)])
    lobes = np.concatenate([shift - half * axis, shift + half * axis, [size - 0.45 * half]])[None]
    if dent == 0.0:
        return lobes, NO_NOTCH
    side = np.array([-axis[1], axis[0]]) * size
    dent_radius = size * rng.uniform(0.45, 0.65)
    depth = dent * size / 3 * rng.uniform(0.6, 1.0)
    return lobes, np.array([*(shift + side / size * (size + dent_radius - depth)), dent_radius])


def discs(
    rng: Rng, count: int, sizes: tuple[float, float], reach: tuple[float, float], around: Array | None = None
) -> Array:
    """Sample `count` discs (count, 3), radii in `sizes`, at distances `reach` from the middle of capsule `around`."""
    middle = np.zeros(2) if around is None else (around[:2] + around[2:4]) / 2
    angles = rng.uniform(0, 2 * np.pi) + np.arange(count) * 2.4 + rng.normal(0, 0.3, count)
    distance = rng.uniform(*reach, count)[:, None]
    spots = middle + distance * np.column_stack([np.cos(angles), np.sin(angles)])
    return np.column_stack([spots, rng.uniform(*sizes, count)])
