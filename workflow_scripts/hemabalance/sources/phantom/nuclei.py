"""Building blocks of nuclei: capsules on an arc, capsules on a winding path, dented ovals, scattered discs.

A capsule is (x0, y0, x1, y1, radius), a disc (x, y, radius); µm from the centre of the cell.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Rng = np.random.Generator
Recipe = dict[str, Any]  # parameters of one cell, keyed by the fields of `Cells`

ABSENT = -np.inf  # radius of an item that is not there
NO_NOTCH = np.array([0.0, 0.0, ABSENT])
FILAMENT = 0.28  # µm, radius of the thread between two lobes


def padded(items: ArrayLike, slots: int, width: int) -> Array:
    """`items` (k, width) followed by absent ones (radius, the last column, -inf) up to `slots` rows."""
    table = np.zeros((slots, width))
    table[:, -1] = ABSENT
    rows = np.asarray(items, float).reshape(-1, width)
    table[: len(rows)] = rows
    return table


def arc(rng: Rng, bend: float, thickness: float, extent: float, pieces: int) -> Array:
    """A band nucleus: capsules (pieces, 5) along an arc of radius `bend` over `extent` rad, of uneven thickness."""
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(-0.5, 0.5, pieces + 1) * extent
    reach = bend * rng.uniform(0.88, 1.12, pieces + 1)
    knots = np.column_stack([np.cos(angles), np.sin(angles)]) * reach[:, None]
    knots -= 0.35 * knots.mean(axis=0)
    return np.column_stack([knots[:-1], knots[1:], thickness * rng.uniform(0.85, 1.15, pieces)])


def walk(rng: Rng, count: int, radius: float) -> Array:
    """A segmented nucleus in a cell of `radius`: `count` (2..5) lobes on a winding path, joined by threads.

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
    """A round to kidney-shaped nucleus of mean radius `size` in a cell of `radius`.

    Args:
        rng: source of randomness.
        size: µm.
        radius: µm, of the cell.
        stretch: greatest elongation, relative to `size`.
        dent: depth of the indentation, 0 (none) to 1.6 (a kidney), relative to a third of `size`.
        offset: greatest eccentricity relative to `radius`; whatever it is, the nucleus stays inside the cell.

    Returns:
        Capsules (1, 5) and the disc (3,) to cut out, absent where `dent` is 0.
    """
    direction, away, pull = (*rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.2, 1.0))
    half = size * rng.uniform(0.0, stretch)
    room = max(radius - size - 0.5 * half, 0.0) * 0.85
    shift = min(pull * offset * radius, room) * np.array([np.cos(away), np.sin(away)])
    axis = np.array([np.cos(direction), np.sin(direction)])
    lobes = np.concatenate([shift - half * axis, shift + half * axis, [size - 0.45 * half]])[None]
    if dent == 0.0:
        return lobes, NO_NOTCH
    side = np.array([-axis[1], axis[0]]) * size
    bite = size * rng.uniform(0.45, 0.65)
    depth = dent * size / 3 * rng.uniform(0.6, 1.0)
    return lobes, np.array([*(shift + side / size * (size + bite - depth)), bite])


def discs(
    rng: Rng, count: int, sizes: tuple[float, float], reach: tuple[float, float], around: Array | None = None
) -> Array:
    """`count` discs (count, 3), radii within `sizes`, at distances within `reach` from capsule `around`'s middle."""
    middle = np.zeros(2) if around is None else (around[:2] + around[2:4]) / 2
    angles = rng.uniform(0, 2 * np.pi) + np.arange(count) * 2.4 + rng.normal(0, 0.3, count)
    distance = rng.uniform(*reach, count)[:, None]
    spots = middle + distance * np.column_stack([np.cos(angles), np.sin(angles)])
    return np.column_stack([spots, rng.uniform(*sizes, count)])
