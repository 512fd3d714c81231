"""A picture of what was measured: the outlines of red cells that were found in some photographs of a source."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hemabalance.files import atomic_path
from hemabalance.metrics.cell_size import CellSize
from hemabalance.metrics.red_cells import SIDE, RedCell, fitted_red_cells
from hemabalance.sources.scale import SHOWN, Measured

_COLUMNS = 4
_DRAWN, _TILE, _GAP = 2 * SIDE, 288, 4  # sides of a photograph in pixels, when drawn and in the sheet; between them
_LINE, _CIRCLE = 6, 2  # widths in pixels of the drawing
_COUNTED, _OTHER = (0, 158, 115), (213, 94, 0)  # bluish green, vermilion (Okabe and Ito 2008)
_ROUNDING = 5e-5  # of the diameters of `CellSize`
_QUALITIES, _LARGEST = (85, 70, 50, 30, 10, 1), 150_000  # of the file; bytes


def write_outlines(measured: Measured, path: Path) -> None:
    """Write the photographs with the arcs that were found, and the circles that fit them.

    Green arcs are of red cells that count; vermilion ones have a diameter far from that of the others and do not.

    Args:
        measured: result of `scale.measure_source`.
        path: WebP to write: SHOWN squares in rows of four, at most 150 kB; white without photographs.

    Raises:
        InputError: the disk is full or the folder is not writable.
    """
    sheet = Image.fromarray(outlines_sheet(measured))
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        sheet.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= _LARGEST:
            break
    with atomic_path(path) as part:
        part.write_bytes(buffer.getvalue())


def outlines_sheet(measured: Measured) -> np.ndarray:
    """The picture, RGB uint8 (height, width, 3); argument as `write_outlines`."""
    step, rows = _TILE + _GAP, SHOWN // _COLUMNS
    sheet = np.full((rows * step - _GAP, _COLUMNS * step - _GAP, 3), 255, np.uint8)
    for place, (square, share) in enumerate(measured.examples):
        row, column = (step * number for number in divmod(place, _COLUMNS))
        sheet[row : row + _TILE, column : column + _TILE] = _drawn(square, share, measured.sizes.of["red_cells"])
    return sheet


def _drawn(square: np.ndarray, share: float, size: CellSize) -> np.ndarray:
    image = Image.fromarray(square).resize((_DRAWN, _DRAWN), Image.Resampling.BICUBIC)
    pen, scale = ImageDraw.Draw(image), _DRAWN / SIDE
    for cell in fitted_red_cells(square):
        colour = _COUNTED if _is_counted(cell, share, size) else _OTHER
        middle, radius = np.array([cell.column, cell.row]) + 0.5, cell.radius
        box = np.r_[middle - radius, middle + radius] * scale
        pen.ellipse(box.tolist(), outline=colour, width=_CIRCLE)
        points = (cell.arc[:, ::-1] + 0.5) * scale
        pen.line(points.ravel().tolist(), fill=colour, width=_LINE, joint="curve")
    return np.asarray(image.resize((_TILE, _TILE), Image.Resampling.LANCZOS))


def _is_counted(cell: RedCell, share: float, size: CellSize) -> bool:
    diameters = size.diameters
    if not len(diameters):
        return False
    diameter = share * cell.diameter
    return bool(diameters[0] - _ROUNDING <= diameter <= diameters[-1] + _ROUNDING)
