"""Recipes of the granulocytes: neutrophils, eosinophils, basophils and their granulated precursors."""

import numpy as np

from hemabalance.sources.phantom.nuclei import NO_NOTCH, Recipe, Rng, arc, discs, oval, walk


def neutrophil(form: str, rng: Rng) -> Recipe:
    """A ribbon (`band`) or three to five lobes (`segmented`) in pale pink, finely dusted cytoplasm."""
    radius = rng.uniform(5.5, 7.3)
    if form == "band":
        thickness = rng.uniform(0.21, 0.27) * radius
        lobes = arc(rng, radius * rng.uniform(0.38, 0.47), thickness, rng.uniform(3.0, 4.6), 6)
    else:
        lobes = walk(rng, int(rng.choice([3, 3, 4, 4, 5])), radius)
    return {
        "radius": radius,
        "lobes": lobes,
        "fusion": 0.3 if form == "band" else 0.18,
        "ruffle": rng.uniform(0.25, 0.5),
        "nucleus": (rng.uniform(1.0, 1.3), 0.0),
        "chromatin": (rng.uniform(0.22, 0.36), 0.1, 0.15),
        "cytoplasm": (rng.uniform(0.45, 0.8), rng.uniform(0.0, 0.08), 0.0),
        "shading": (0.0, 0.0, 0.12),
        "granules": (rng.uniform(0.55, 0.7), 0.36, rng.uniform(0.45, 0.8), 0.0),
        "dyes": (0.0, rng.uniform(0.15, 0.38), 0.06),
    }


def eosinophil(form: str, rng: Rng) -> Recipe:
    """Two lobes, seldom three, among densely packed orange granules."""
    radius = rng.uniform(6.0, 7.6)
    count = int(rng.choice([2, 2, 2, 3]))
    return {
        "radius": radius,
        "lobes": walk(rng, count, radius),
        "fusion": 0.2,
        "nucleus": (rng.uniform(0.85, 1.1), 0.0),
        "chromatin": (rng.uniform(0.2, 0.32), 0.1, 0.12),
        "cytoplasm": (rng.uniform(0.4, 0.7), rng.uniform(0.0, 0.1), 0.0),
        "shading": (0.0, 0.0, 0.1),
        "granules": (rng.uniform(0.7, 0.95), rng.uniform(0.48, 0.56), rng.uniform(0.85, 1.0), 0.04),
        "dyes": (0.0, 0.02, rng.uniform(0.7, 1.15)),
    }


def basophil(form: str, rng: Rng) -> Recipe:
    """A pale lobed nucleus behind coarse dark granules."""
    radius = rng.uniform(5.2, 6.9)
    return {
        "radius": radius,
        "outline": rng.normal(0.0, 1.0, (5, 2)) * np.array([0.07, 0.04, 0.03, 0.02, 0.015])[:, None],
        "lobes": walk(rng, int(rng.choice([2, 3])), radius),
        "fusion": 0.6,
        "nucleus": (rng.uniform(0.45, 0.65), 0.1),
        "nucleus_edge": rng.uniform(0.5, 0.9),
        "chromatin": (0.2, 0.1, 0.0),
        "cytoplasm": (rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.3), 0.0),
        "shading": (0.0, 0.0, 0.2),
        "granules": (rng.uniform(1.05, 1.4), rng.uniform(0.42, 0.52), rng.uniform(0.6, 0.95), rng.uniform(0.75, 1.0)),
        "dyes": (rng.uniform(0.6, 1.0), rng.uniform(0.5, 0.8), 0.0),
    }


def immature_granulocyte(form: str, rng: Rng) -> Recipe:
    """An eccentric nucleus, indented (`metamyelocyte`) or oval (`myelocyte`), in purple-pink cytoplasm."""
    radius = rng.uniform(6.6, 8.4)
    indented = form == "metamyelocyte"
    size = radius * rng.uniform(0.5, 0.6)
    lobes, notch = oval(rng, size, radius, stretch=0.3, dent=1.6 if indented else 0.0, offset=0.32)
    return {
        "radius": radius,
        "lobes": lobes,
        "notch": notch,
        "ruffle": rng.uniform(0.2, 0.35),
        "nucleus": (rng.uniform(0.9, 1.1), 0.0),
        "chromatin": (rng.uniform(0.24, 0.36), 0.1, 0.1),
        "cytoplasm": (rng.uniform(0.5, 0.85), rng.uniform(0.1, 0.25), 0.0),
        "shading": (0.2, 0.1, 0.15),
        "granules": (rng.uniform(0.65, 0.85), rng.uniform(0.36, 0.42), rng.uniform(0.6, 0.9), 0.05),
        "dyes": (0.0, rng.uniform(0.28, 0.5), 0.05),
    }


def promyelocyte(form: str, rng: Rng) -> Recipe:
    """A large cell with nucleoli and coarse azurophil granules, its nucleus `round` or `bilobed`."""
    radius = rng.uniform(8.8, 10.6)
    notch = NO_NOTCH
    if form == "bilobed":
        lobes = walk(rng, 2, radius * 1.12)
    else:
        lobes, notch = oval(rng, radius * rng.uniform(0.58, 0.66), radius, stretch=0.2, dent=0.2, offset=0.2)
    return {
        "radius": radius,
        "lobes": lobes,
        "notch": notch,
        "nucleus": (rng.uniform(0.68, 0.85), 0.0),
        "chromatin": (rng.uniform(0.14, 0.22), 0.12, 0.08),
        "nucleoli": discs(rng, int(rng.integers(1, 4)), (0.8, 1.2), (0.0, 0.35 * radius), lobes[0]),
        "nucleolus": rng.uniform(0.3, 0.5),
        "cytoplasm": (rng.uniform(0.2, 0.4), rng.uniform(0.45, 0.75), 0.0),
        "shading": (0.35, rng.uniform(0.3, 0.7), 0.15),
        "granules": (rng.uniform(0.95, 1.2), rng.uniform(0.36, 0.44), rng.uniform(0.55, 0.85), rng.uniform(0.25, 0.5)),
        "dyes": (0.1, rng.uniform(0.75, 1.1), 0.0),
    }
