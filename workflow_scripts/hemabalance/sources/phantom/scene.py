"""Sample the surroundings of the cell in the middle of a frame: red cells and platelets."""

import numpy as np

from hemabalance.sources.phantom.nuclei import Array, padded

FRAME_UM = 36.0  # width of every frame
RED_SLOTS, PLATELET_SLOTS = 32, 9
RED_RADIUS_UM = 3.5
CANDIDATES = 90


def sample_surroundings(name: str, centre: Array, radius: float, rng: np.random.Generator) -> dict[str, Array]:
    """Sample `red` (32, 8) and `platelets` (9, 5) around a cell of class `name`, with the columns of `Cells`."""
    clump = _clump(rng, centre) if name == "platelet" else np.empty((0, 5))
    clearance = {"platelet": 2.2, "smudge_cell": 6.0}.get(name, radius)
    red = _red_cells(rng, centre, clearance)
    stray = _stray_platelets(rng, centre, clearance, PLATELET_SLOTS - len(clump))
    return {
        "red": padded(red, RED_SLOTS, 8),
        "platelets": padded(np.vstack([clump, stray]), PLATELET_SLOTS, 5),
    }


def _red_cells(rng: np.random.Generator, centre: Array, clearance: float) -> Array:
    mean_radius = RED_RADIUS_UM * rng.uniform(0.92, 1.08)
    target_count, crowding = int(rng.integers(9, RED_SLOTS + 1)), rng.uniform(0.0, 0.35)
    positions = rng.uniform(-FRAME_UM / 2 - 2.5, FRAME_UM / 2 + 2.5, (CANDIDATES, 2))
    radii = mean_radius * rng.normal(1.0, 0.06, CANDIDATES).clip(0.8, 1.2)
    gaps = np.where(rng.random(CANDIDATES) < crowding, 1.2, 1.9) * mean_radius
    positions = positions[np.hypot(*(positions - centre).T) > clearance + 0.8 * radii]
    placed: list[int] = []
    for i, position in enumerate(positions):
        if not placed or np.hypot(*(positions[placed] - position).T).min() > gaps[i]:
            placed.append(i)
        if len(placed) == target_count:
            break
    count = len(placed)
    pallor = rng.uniform(0.25, 0.85)
    return np.column_stack(
        [
            positions[placed],
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
    positions = centre + rng.normal(0.0, 1.0, (count, 2)).clip(-1.5, 1.5) * spread
    return _platelets(rng, positions, (1.1, 2.3) if count == 1 else (0.9, 1.6))


def _stray_platelets(rng: np.random.Generator, centre: Array, clearance: float, free_slots: int) -> Array:
    count = min(int(rng.poisson(1.1)), free_slots)
    positions = rng.uniform(-FRAME_UM / 2, FRAME_UM / 2, (count, 2))
    return _platelets(rng, positions[np.hypot(*(positions - centre).T) > clearance + 3.0], (0.8, 1.4))


def _platelets(rng: np.random.Generator, positions: Array, sizes: tuple[float, float]) -> Array:
    count = len(positions)
    return np.column_stack(
        [positions, np.abs(rng.normal(0.0, 0.18, count)), rng.uniform(0, np.pi, count), rng.uniform(*sizes, count)]
    )
