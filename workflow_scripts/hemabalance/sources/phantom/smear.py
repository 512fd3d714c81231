"""Where the stain of platelets and of red cells sits."""

import numpy as np
from numpy.typing import NDArray

from hemabalance.sources.phantom import fields
from hemabalance.sources.phantom.cells import Cells
from hemabalance.sources.phantom.optics import AZURE, AZUROPHIL, BLUE

F32 = NDArray[np.float32]


def wide(values: F32) -> F32:
    """Per-cell values (n,) as (n, 1, 1), to meet images."""
    return values[:, None, None]


def stain_platelets(stains: F32, cells: Cells, x: F32, y: F32, texture: F32, pitch: float) -> None:
    """Add the platelets to `stains` (6, n, h, w): a pale blue rim around granules."""
    speckle = np.clip(np.float32(0.55) + np.float32(0.45) * texture[fields.FINE], 0, 2)
    ragged = np.float32(0.15) * texture[fields.COARSE] + np.float32(0.1) * texture[fields.FINE]
    whole, core = np.zeros_like(speckle), np.zeros_like(speckle)
    for slot in range(cells.platelets.shape[1]):
        cx, cy, stretch, angle, radius = cells.platelets[:, slot].T
        if np.isneginf(radius).all():
            continue
        px, py = x[None, None, :] - wide(cx), y[None, :, None] - wide(cy)
        cos, sin = wide(np.cos(angle)), wide(np.sin(angle))
        along, across = (px * cos + py * sin) / (1 + wide(stretch)), (py * cos - px * sin) * (1 + wide(stretch))
        inside = wide(radius) - np.sqrt(along * along + across * across) + ragged
        np.maximum(whole, fields.step(inside, 0.4 + pitch), out=whole)
        np.maximum(core, fields.step(inside - np.float32(0.45), np.float32(0.7)), out=core)
    stains[BLUE] += np.float32(0.35) * whole
    stains[AZUROPHIL] += np.float32(0.25) * whole + np.float32(0.9) * core * speckle
    stains[AZURE] += np.float32(0.25) * core * speckle


def red_cells(cells: Cells, shape: tuple[int, int]) -> F32:
    """Haemoglobin (n, h, w) of the red cells: biconcave discs, each computed on a patch just large enough for it."""
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
        dx[:, None, :], dy[:, :, None], wide(angle), wide(stretch), wide(corner), wide(pallor), wide(radius), pitch
    )
    patches *= wide(thickness)
    frame = np.zeros((len(cells), shape[0] + 2 * side, shape[1] + 2 * side), np.float32)
    for n, row, column, patch in zip(owner, top + side, left + side, patches, strict=True):
        row, column = np.clip((row, column), 0, (shape[0] + side, shape[1] + side))
        frame[n, row : row + side, column : column + side] += patch
    return frame[:, side:-side, side:-side]


def _discocyte(dx: F32, dy: F32, angle: F32, stretch: F32, corner: F32, pallor: F32, radius: F32, pitch: float) -> F32:
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    along, across = along / (1 + stretch), across * (1 + stretch)
    square = along * along + across * across
    away = np.sqrt(square) + np.float32(1e-6)
    third = (
        along * (along * along - 3 * across * across) / (away * square + np.float32(1e-6))
    )  # cos of thrice the angle
    reach = radius * (1 + corner * third)
    hollow = np.exp(-((away / reach / np.float32(0.52)) ** 4))
    thickness: F32 = fields.step(reach - away, 0.5 + pitch) * (1 - pallor * hollow)
    return thickness
