"""Stain concentrations of platelets and of red cells."""

import numpy as np
from numpy.typing import NDArray

from hemabalance.sources.phantom import fields
from hemabalance.sources.phantom.cells import Cells
from hemabalance.sources.phantom.optics import AZURE, AZUROPHIL, BLUE

F32 = NDArray[np.float32]


def per_cell(values: F32) -> F32:
    """Reshape per-cell values (n,) to (n, 1, 1), for broadcasting against images."""
    return values[:, None, None]


def stain_platelets(stains: F32, cells: Cells, x: F32, y: F32, texture: F32, pitch: float) -> None:
    """Add the platelets to `stains` (6, n, h, w) in place: a pale blue rim around granules."""
    speckle = np.clip(np.float32(0.55) + np.float32(0.45) * texture[fields.FINE], 0, 2)
    ragged = np.float32(0.15) * texture[fields.COARSE] + np.float32(0.1) * texture[fields.FINE]
    body, core = np.zeros_like(speckle), np.zeros_like(speckle)
    for slot in range(cells.platelets.shape[1]):
        cx, cy, stretch, angle, radius = cells.platelets[:, slot].T
        if np.isneginf(radius).all():
            continue
        px, py = x[None, None, :] - per_cell(cx), y[None, :, None] - per_cell(cy)
        cos, sin = per_cell(np.cos(angle)), per_cell(np.sin(angle))
        major, minor = (px * cos + py * sin) / (1 + per_cell(stretch)), (py * cos - px * sin) * (1 + per_cell(stretch))
        inside = per_cell(radius) - np.sqrt(major * major + minor * minor) + ragged
        np.maximum(body, fields.step(inside, 0.4 + pitch), out=body)
        np.maximum(core, fields.step(inside - np.float32(0.45), np.float32(0.7)), out=core)
    stains[BLUE] += np.float32(0.35) * body
    stains[AZUROPHIL] += np.float32(0.25) * body + np.float32(0.9) * core * speckle
    stains[AZURE] += np.float32(0.25) * core * speckle


def red_cells(cells: Cells, shape: tuple[int, int]) -> F32:
    """Return the haemoglobin (n, h, w) of the red cells: biconcave discs, each computed on a patch of its size."""
    x, y, pitch = fields.grid(shape)
    side = int(np.ceil(11.0 / pitch))
    owner, slot = np.nonzero(cells.red[..., -1] > 0)
    cx, cy, angle, stretch, corner, pallor, thickness, radius = cells.red[owner, slot].T
    left = np.floor((cx - x[0]) / np.float32(pitch)).astype(np.int64) - side // 2
    top = np.floor((cy - y[0]) / np.float32(pitch)).astype(np.int64) - side // 2
    steps = np.arange(side)
    dx = (left[:, None] + steps).astype(np.float32) * np.float32(pitch) + (x[0] - cx)[:, None]
    dy = (top[:, None] + steps).astype(np.float32) * np.float32(pitch) + (y[0] - cy)[:, None]
    patches = _discocyte(
        dx[:, None, :],
        dy[:, :, None],
        per_cell(angle),
        per_cell(stretch),
        per_cell(corner),
        per_cell(pallor),
        per_cell(radius),
        pitch,
    )
    patches *= per_cell(thickness)
    frame = np.zeros((len(cells), shape[0] + 2 * side, shape[1] + 2 * side), np.float32)
    for n, row, column, patch in zip(owner, top + side, left + side, patches, strict=True):
        row, column = np.clip((row, column), 0, (shape[0] + side, shape[1] + side))
        frame[n, row : row + side, column : column + side] += patch
    return frame[:, side:-side, side:-side]


def _discocyte(dx: F32, dy: F32, angle: F32, stretch: F32, corner: F32, pallor: F32, radius: F32, pitch: float) -> F32:
    major, minor = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    major, minor = major / (1 + stretch), minor * (1 + stretch)
    square = major * major + minor * minor
    distance = np.sqrt(square) + np.float32(1e-6)
    # cosine of three times the angle
    cos_3 = major * (major * major - 3 * minor * minor) / (distance * square + np.float32(1e-6))
    reach = radius * (1 + corner * cos_3)
    hollow = np.exp(-((distance / reach / np.float32(0.52)) ** 4))
    thickness: F32 = fields.step(reach - distance, 0.5 + pitch) * (1 - pallor * hollow)
    return thickness
