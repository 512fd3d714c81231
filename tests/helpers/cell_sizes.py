"""Sizes of cells around given medians."""

import numpy as np

from hemabalance.metrics.cell_size import CellSizes, size_of


def sizes_around(red: float, nuclei: float = 0.3, *, cells: int = 40) -> CellSizes:
    """Sizes of `cells` + 1 cells of each kind; without red cells if `red` is 0."""
    spread = np.linspace(0.95, 1.05, cells + 1)
    return CellSizes(
        50,
        {
            "red_cells": size_of("red_cells", red * spread if red else np.empty(0)),
            "nuclei": size_of("nuclei", nuclei * spread),
        },
    )
