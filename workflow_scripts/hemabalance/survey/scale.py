"""The share of the frame to use of each laboratory, so that all show cells at one scale: by the size of red cells."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hemabalance.dataset.fields import SMALLEST_FIELD
from hemabalance.metrics.cell_size import FEWEST_CELLS
from hemabalance.metrics.red_cells import Diameter

RED_CELL_UM = 7.0
"""Diameter of a red cell of healthy blood in micrometres."""
_SAME_SCALE = 0.97


@dataclass(frozen=True)
class ProposedField:
    """The value of `field` of a source (a share of the frame), the reason for it, and whether it was measured."""

    value: float
    reason: str
    measured: bool


def proposed_fields(red_cells: Mapping[str, Diameter]) -> dict[str, ProposedField]:
    """The field of each source: 1 where red cells are largest, less where more of the smear is in the frame.

    Args:
        red_cells: source -> diameter of its red cells as a share of the frame.
    """
    measured = {name: cells.median for name, cells in red_cells.items() if cells.n >= FEWEST_CELLS}
    largest = max(measured, key=measured.__getitem__, default=None)
    return {
        name: _field(name, largest, red_cells) if name in measured else _unmeasured(cells)
        for name, cells in red_cells.items()
    }


def _unmeasured(cells: Diameter) -> ProposedField:
    seen = f"only {cells.n} single red cells" if cells.n else "no red cells"
    return ProposedField(1.0, f"not measurable: {seen} in the decoded images", False)


def _field(name: str, largest: str | None, red_cells: Mapping[str, Diameter]) -> ProposedField:
    cells = red_cells[name]
    size = f"red cells measure {diameter_text(cells)} of the frame"
    if largest is None or len(red_cells) == 1:
        return ProposedField(1.0, size, True)
    if name == largest:
        return ProposedField(1.0, f"{size}, the largest", True)
    ratio = cells.median / red_cells[largest].median
    if ratio >= _SAME_SCALE or cells.high >= red_cells[largest].low:
        return ProposedField(1.0, f"{size}; in {largest} no different beyond the 95 % intervals", True)
    size += f", {red_cells[largest].median:.2f} in {largest}"
    if ratio < SMALLEST_FIELD:
        return ProposedField(SMALLEST_FIELD, f"{size}: {ratio:.2f} would be right, which is less than allowed", True)
    return ProposedField(round(ratio, 2), size, True)


def diameter_text(cells: Diameter) -> str:
    """A diameter with its interval and number of cells."""
    return f"{cells.median:.2f} ({cells.low:.3f} to {cells.high:.3f}, {cells.n} cells)"


def pixel_size(cells: Diameter, side: float) -> float | None:
    """Micrometres a pixel, if a red cell is RED_CELL_UM wide; None if too few were found.

    Args:
        cells: diameter of red cells as a share of the frame.
        side: side of the frame in pixels.
    """
    if cells.n < FEWEST_CELLS or not math.isfinite(cells.median):
        return None
    return RED_CELL_UM / (cells.median * side)
