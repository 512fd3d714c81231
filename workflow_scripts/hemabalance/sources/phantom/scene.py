"""What lies around the cell in the middle of a frame: red cells and platelets."""

import numpy as np

from hemabalance.sources.phantom.nuclei import Array, padded

FRAME_UM = 36.0  # width of every frame
RED_SLOTS, PLATELET_SLOTS = 32, 9
RED_RADIUS_UM = 3.5
CANDIDATES = 90


def surroundings(name: str, centre: Array, radius: float, rng: np.random.Generator) -> dict[str, Array]:
    """Red cells `red` (32, 8) and `platelets` (9, 5) around a cell of class `name`, as in `Cells`."""
    clump = _clump(rng, centre) if name == "platelet" else np.empty((0, 5))
    keep_out = {"platelet": 2.2, "smudge_cell": 6.0}.get(name, radius)
    red = _red_cells(rng, centre, keep_out)
    stray = _stray_platelets(rng, centre, keep_out, PLATELET_SLOTS - len(clump))
    return {
        "red": padded(red, RED_SLOTS, 8),
        "platelets": padded(np.vstack([clump, stray]), PLATELET_SLOTS, 5),
    }


def _red_cells(rng: np.random.Generator, centre: Array, keep_out: float) -> Array:
    typical = RED_RADIUS_UM * rng.uniform(0.92, 1.08)
    wanted, crowding = int(rng.integers(9, RED_SLOTS + 1)), rng.uniform(0.0, 0.35)
    spots = rng.uniform(-FRAME_UM / 2 - 2.5, FRAME_UM / 2 + 2.5, (CANDIDATES, 2))
    radii = typical * rng.normal(1.0, 0.06, CANDIDATES).clip(0.8, 1.2)
    gaps = np.where(rng.random(CANDIDATES) < crowding, 1.2, 1.9) * typical
    spots = spots[np.hypot(*(spots - centre).T) > keep_out + 0.8 * radii]
    taken: list[int] = []
    for i, spot in enumerate(spots):
        if not taken or np.hypot(*(spots[taken] - spot).T).min() > gaps[i]:
            taken.append(i)
        if len(taken) == wanted:
            break
    count = len(taken)
    pallor = rng.uniform(0.25, 0.85)
    return np.column_stack(
        [
            spots[taken],
            rng.uniform(0, np.pi, count),
            np.abs(rng.normal(0.0, 0.07, count)),
            rng.normal(0.0, 0.025, count),
            (pallor + rng.normal(0.0, 0.1, count)).clip(0.0, 0.95),
            rng.normal(1.0, 0.08, count).clip(0.7, 1.3),
            radii[:count],
        ]
    )


def _clump(rng: np.random.Generator, centre: Array) -> Array:
    count = int(rng.choice([1, 1, 1, 2, 3, 5]))
    spread = 0.0 if count == 1 else 1.0 + 0.25 * count
    spots = centre + rng.normal(0.0, 1.0, (count, 2)).clip(-1.5, 1.5) * spread
    return _platelets(rng, spots, (1.1, 2.3) if count == 1 else (0.9, 1.6))


def _stray_platelets(rng: np.random.Generator, centre: Array, keep_out: float, room: int) -> Array:
    count = min(int(rng.poisson(1.1)), room)
    spots = rng.uniform(-FRAME_UM / 2, FRAME_UM / 2, (count, 2))
    return _platelets(rng, spots[np.hypot(*(spots - centre).T) > keep_out + 3.0], (0.8, 1.4))


def _platelets(rng: np.random.Generator, spots: Array, sizes: tuple[float, float]) -> Array:
    count = len(spots)
    return np.column_stack(
        [spots, np.abs(rng.normal(0.0, 0.18, count)), rng.uniform(0, np.pi, count), rng.uniform(*sizes, count)]
    )
