"""Recipes of twelve cell types: size, nucleus, chromatin, granules and cytoplasm.

Sizes and appearances follow the usual descriptions of Romanowsky-stained smears (Bain, Blood Cells, 5th ed.,
chapters 3 and 9; Matek et al. 2019, doi:10.1038/s42256-019-0101-9, for the blasts).
"""

from collections.abc import Callable

import numpy as np

from hemabalance.sources.phantom import granulocytes
from hemabalance.sources.phantom.nuclei import NO_NOTCH, Array, Recipe, Rng, arc, discs, oval, padded

LOBES, NUCLEOLI, VACUOLES = 9, 3, 8
NO_BODY = -10.0  # radius of a cell without cytoplasm

FORMS: dict[str, tuple[str, ...]] = {
    "neutrophil": ("band", "segmented"),
    "lymphocyte": ("typical", "typical", "typical", "atypical"),
    "immature_granulocyte": ("metamyelocyte", "myelocyte"),
    "promyelocyte": ("round", "round", "round", "bilobed"),
}


def recipe(name: str, form: str, rng: Rng) -> Recipe:
    """Sample the parameters of one cell of class `name`, keyed by the fields of `Cells` without the surroundings."""
    row = _defaults(rng) | _RECIPES[name](form, rng)
    row["lobes"] = padded(row["lobes"], LOBES, 5)
    row["nucleoli"] = padded(row["nucleoli"], NUCLEOLI, 3)
    row["vacuoles"] = padded(row["vacuoles"], VACUOLES, 3)
    return row


def _defaults(rng: Rng) -> Recipe:
    harmonics = rng.normal(0.0, 1.0, (5, 2)) * np.array([0.035, 0.02, 0.012, 0.008, 0.006])[:, None]
    return {
        "centre": rng.normal(0.0, 0.7, 2).clip(-1.8, 1.8),
        "outline": harmonics,
        "tail": np.zeros(3),
        "border": rng.uniform(0.25, 0.45),
        "notch": NO_NOTCH,
        "fusion": 0.35,
        "ruffle": rng.uniform(0.15, 0.3),
        "nucleus_edge": rng.uniform(0.25, 0.4),
        "grain": rng.uniform(0.85, 1.2),
        "lace": 0.0,
        "nucleoli": [],
        "nucleolus": 0.0,
        "granules": np.array([1.0, 0.3, 0.0, 0.0]),
        "dyes": np.zeros(3),
        "vacuoles": [],
    }


def _lymphocyte(form: str, rng: Rng) -> Recipe:
    atypical = form == "atypical"
    radius = rng.uniform(6.2, 8.0) if atypical else rng.uniform(4.2, 5.4)
    size = radius * (rng.uniform(0.6, 0.74) if atypical else rng.uniform(0.8, 0.91))
    lobes, notch = oval(rng, size, radius, stretch=0.2 if atypical else 0.12, dent=0.6 if atypical else 0.3)
    row: Recipe = {
        "radius": radius,
        "lobes": lobes,
        "notch": notch,
        "nucleus": (rng.uniform(0.95, 1.2), 0.0),
        "chromatin": (rng.uniform(0.2, 0.32), 0.08, 0.1),
        "cytoplasm": (rng.uniform(0.0, 0.15), rng.uniform(0.6, 1.05), 0.0),
        "shading": (rng.uniform(0.0, 0.5), rng.uniform(0.0, 0.3), 0.1),
    }
    if atypical:
        row["outline"] = rng.normal(0.0, 1.0, (5, 2)) * np.array([0.09, 0.05, 0.03, 0.02, 0.01])[:, None]
        row["shading"] = (rng.uniform(0.6, 1.4), 0.3, 0.15)
    return row


def _monocyte(form: str, rng: Rng) -> Recipe:
    radius = rng.uniform(7.4, 9.2)
    if rng.random() < 0.55:
        lobes, notch = arc(rng, radius * 0.4, radius * rng.uniform(0.25, 0.31), rng.uniform(2.4, 3.8), 5), NO_NOTCH
    else:
        lobes, notch = oval(rng, radius * rng.uniform(0.5, 0.6), radius, stretch=0.35, dent=1.5)
    return {
        "radius": radius,
        "outline": rng.normal(0.0, 1.0, (5, 2)) * np.array([0.08, 0.045, 0.03, 0.025, 0.015])[:, None],
        "tail": _tail(rng, 0.3),
        "lobes": lobes,
        "notch": notch,
        "fusion": 0.7,
        "ruffle": rng.uniform(0.3, 0.6),
        "nucleus": (rng.uniform(0.75, 0.95), 0.0),
        "chromatin": (rng.uniform(0.26, 0.4), 0.12, 0.1),
        "cytoplasm": (rng.uniform(0.15, 0.35), rng.uniform(0.4, 0.62), 0.0),
        "shading": (0.15, 0.0, 0.22),
        "granules": (0.6, 0.34, rng.uniform(0.2, 0.5), 0.0),
        "dyes": (0.0, rng.uniform(0.1, 0.2), 0.0),
        "vacuoles": discs(rng, int(rng.integers(2, 9)), (0.35, 0.85), (0.35 * radius, 0.85 * radius)),
    }


def _myeloblast(form: str, rng: Rng) -> Recipe:
    radius = rng.uniform(6.9, 8.5)
    lobes, notch = oval(rng, radius * rng.uniform(0.8, 0.87), radius, stretch=0.1, dent=0.15)
    return {
        "radius": radius,
        "tail": _tail(rng, 0.15),
        "lobes": lobes,
        "notch": notch,
        "nucleus": (rng.uniform(0.72, 0.92), 0.0),
        "chromatin": (rng.uniform(0.05, 0.1), rng.uniform(0.06, 0.1), 0.08),
        "nucleoli": discs(rng, int(rng.integers(1, 4)), (0.7, 1.15), (0.0, 0.55 * radius)),
        "nucleolus": rng.uniform(0.48, 0.66),
        "cytoplasm": (rng.uniform(0.0, 0.1), rng.uniform(0.75, 1.1), 0.0),
        "shading": (rng.uniform(0.1, 0.6), 0.0, 0.08),
    }


def _monoblast(form: str, rng: Rng) -> Recipe:
    radius = rng.uniform(8.8, 10.6)
    size = radius * rng.uniform(0.56, 0.66)
    lobes, notch = oval(rng, size, radius, stretch=0.15, dent=float(rng.choice([0.0, 0.6])), offset=0.2)
    heart = lobes[0]
    return {
        "radius": radius,
        "outline": rng.normal(0.0, 1.0, (5, 2)) * np.array([0.06, 0.035, 0.02, 0.012, 0.008])[:, None],
        "tail": _tail(rng, 0.2),
        "lobes": lobes,
        "notch": notch,
        "nucleus": (rng.uniform(0.62, 0.8), 0.0),
        "chromatin": (rng.uniform(0.08, 0.14), rng.uniform(0.08, 0.12), 0.08),
        "nucleoli": discs(rng, 1, (1.3, 1.75), (0.0, 0.3 * size), heart),
        "nucleolus": rng.uniform(0.55, 0.7),
        "cytoplasm": (rng.uniform(0.1, 0.25), rng.uniform(0.4, 0.6), 0.0),
        "shading": (rng.uniform(0.2, 0.5), 0.1, 0.12),
        "vacuoles": discs(rng, int(rng.integers(0, 3)), (0.35, 0.7), (0.7 * radius, 0.88 * radius)),
    }


def _erythroblast(form: str, rng: Rng) -> Recipe:
    radius = rng.uniform(4.2, 5.5)
    lobes, _ = oval(rng, rng.uniform(0.46, 0.6) * radius, radius, stretch=0.02, dent=0.0, offset=0.22)
    return {
        "radius": radius,
        "lobes": lobes,
        "ruffle": 0.05,
        "nucleus": (rng.uniform(1.5, 1.9), 0.0),
        "nucleus_edge": 0.25,
        "chromatin": (rng.uniform(0.08, 0.18), 0.05, 0.1),
        "cytoplasm": (rng.uniform(0.1, 0.25), rng.uniform(0.15, 0.55), rng.uniform(0.9, 1.4)),
        "shading": (0.1, 0.0, 0.06),
    }


def _platelet(form: str, rng: Rng) -> Recipe:
    return {
        "radius": NO_BODY,
        "lobes": [],
        "nucleus": (0.0, 0.0),
        "chromatin": (0.0, 0.0, 0.0),
        "cytoplasm": (0.0, 0.0, 0.0),
        "shading": (0.0, 0.0, 0.0),
    }


def _smudge_cell(form: str, rng: Rng) -> Recipe:
    direction, pieces = rng.uniform(0.0, 2 * np.pi), int(rng.integers(3, 7))
    major, minor = rng.normal(0.0, rng.uniform(1.5, 4.0), pieces), rng.normal(0.0, rng.uniform(0.8, 2.2), pieces)
    step = np.array([np.cos(direction), np.sin(direction)])
    side = np.array([-step[1], step[0]])
    spots = major[:, None] * step + minor[:, None] * side
    lengths = rng.uniform(0.5, 2.5, pieces)[:, None] * step
    radii = rng.uniform(1.8, 4.4, pieces)
    return {
        "radius": NO_BODY,
        "lobes": np.column_stack([spots - lengths, spots + lengths, radii]),
        "fusion": 1.0,
        "ruffle": rng.uniform(0.7, 2.0),
        "nucleus": (rng.uniform(0.02, 0.2), rng.uniform(0.4, 0.9)),
        "nucleus_edge": rng.uniform(0.8, 2.6),
        "chromatin": (rng.uniform(0.1, 0.28), 0.1, 0.0),
        "grain": rng.uniform(1.1, 1.6),
        "lace": rng.choice([0.0, 0.5, 0.9]) * rng.uniform(0.6, 1.0),
        "cytoplasm": (0.0, 0.0, 0.0),
        "shading": (0.0, 0.0, 0.0),
    }


def _tail(rng: Rng, chance: float) -> Array:
    present = rng.random() < chance
    return np.array([rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.55) if present else 0.0, rng.uniform(8.0, 25.0)])


_RECIPES: dict[str, Callable[[str, Rng], Recipe]] = {
    "basophil": granulocytes.basophil,
    "eosinophil": granulocytes.eosinophil,
    "erythroblast": _erythroblast,
    "immature_granulocyte": granulocytes.immature_granulocyte,
    "lymphocyte": _lymphocyte,
    "monoblast": _monoblast,
    "monocyte": _monocyte,
    "myeloblast": _myeloblast,
    "neutrophil": granulocytes.neutrophil,
    "platelet": _platelet,
    "promyelocyte": granulocytes.promyelocyte,
    "smudge_cell": _smudge_cell,
}

CELL_TYPES = tuple(_RECIPES)
"""The cell types that can be rendered, in alphabetical order."""
