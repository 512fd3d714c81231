"""Render cells: stain concentrations at each pixel, and photographs of them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from hemabalance.sources.phantom import fields
from hemabalance.sources.phantom.cells import Cells
from hemabalance.sources.phantom.looks import STAINS, StainDomain
from hemabalance.sources.phantom.optics import (
    ACIDOPHIL,
    AZURE,
    AZUROPHIL,
    BLUE,
    EOSIN,
    HAEMOGLOBIN,
    photograph,
)
from hemabalance.sources.phantom.smear import per_cell, red_cells, stain_platelets

F32 = NDArray[np.float32]

TEXTURE_STREAM = 2
BATCH = 4
LOG_FLOOR = np.float32(1e-30)  # keeps the logarithm of a zero sum finite


def render(
    cells: Cells, domain: StainDomain, *, shape: tuple[int, int], nuisance: bool, threads: int
) -> NDArray[np.uint8]:
    """Render photographs of `cells`.

    Args:
        cells: cells to photograph.
        domain: look of the laboratory, see `looks.look_of`.
        shape: height and width in pixels; a frame is always 36 µm wide.
        nuisance: whether to add stain variation, exposure, shading, focus blur and sensor noise.
        threads: at least 1; does not change the result.

    Returns:
        RGB uint8 (n, h, w, 3). Image i depends only on cell i, `domain`, `shape` and `nuisance`.
    """
    out = np.empty((len(cells), *shape, 3), np.uint8)

    def fill(start: int) -> None:
        batch = cells.take(slice(start, start + BATCH))
        stains = concentrations(batch, shape)
        for i in range(len(batch)):
            out[start + i] = photograph(
                stains[:, i],
                domain,
                seed=cells.seed,
                index=int(batch.index[i]),
                bluish=float(batch.bluish[i]),
                nuisance=nuisance,
            )

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(0, len(cells), BATCH)):
            pass
    return out


def concentrations(cells: Cells, shape: tuple[int, int]) -> F32:
    """Return the stain concentrations (6, n, h, w), at least 0, ordered as `optics.STAINS`: the ground truth."""
    x, y, pitch = fields.grid(shape)
    rngs = [np.random.default_rng([cells.seed, int(i), TEXTURE_STREAM]) for i in cells.index]
    texture = np.stack([fields.textures(r, float(g), shape) for r, g in zip(rngs, cells.grain, strict=True)], axis=1)
    dx = x[None, None, :] - per_cell(cells.centre[:, 0])
    dy = y[None, :, None] - per_cell(cells.centre[:, 1])
    body, depth = _body(cells, dx, dy, texture, pitch)
    nucleus, inside = _nucleus(cells, dx, dy, texture, pitch)
    nucleus *= np.where(per_cell(cells.radius) > 0, body, np.float32(1))
    stains = np.zeros((len(STAINS), len(cells), *shape), np.float32)
    _stain_cytoplasm(stains, cells, body * (1 - nucleus), depth, inside, texture)
    _stain_nucleus(stains, cells, nucleus, inside, dx, dy, texture)
    _stain_granules(stains, cells, body, nucleus, dx, dy, texture, rngs)
    for slot in range(cells.vacuoles.shape[1]):
        stains *= 1 - np.float32(0.85) * fields.step(_disc(cells.vacuoles[:, slot], dx, dy), 0.35 + pitch)
    stain_platelets(stains, cells, x, y, texture, pitch)
    stains[HAEMOGLOBIN] += red_cells(cells, shape) * (1 - np.maximum(body, nucleus))
    return stains


def _disc(disc: F32, dx: F32, dy: F32) -> F32:
    """Return the signed distance (n, h, w), positive inside, to one disc (n, 3) per cell."""
    off_x, off_y = dx - per_cell(disc[:, 0]), dy - per_cell(disc[:, 1])
    inside: F32 = per_cell(disc[:, 2]) - np.sqrt(off_x * off_x + off_y * off_y)
    return inside


def _body(cells: Cells, dx: F32, dy: F32, texture: F32, pitch: float) -> tuple[F32, F32]:
    """Return the mask of the cell, and the relative position between its centre (0) and border (1)."""
    distance = np.sqrt(dx * dx + dy * dy) + np.float32(1e-6)
    cos, sin = dx / distance, dy / distance
    outline = np.ones_like(distance)
    cos_k, sin_k = cos, sin
    for harmonic in range(cells.outline.shape[1]):
        cos_k, sin_k = cos_k * cos - sin_k * sin, sin_k * cos + cos_k * sin
        outline += per_cell(cells.outline[:, harmonic, 0]) * cos_k + per_cell(cells.outline[:, harmonic, 1]) * sin_k
    direction, length, sharpness = (per_cell(cells.tail[:, k]) for k in range(3))
    outline += length * np.exp(sharpness * (cos * np.cos(direction) + sin * np.sin(direction) - 1))
    reach = outline * per_cell(cells.radius)
    ragged = np.float32(0.04) * texture[fields.FINE] + np.float32(0.12) * texture[fields.CLOUD]
    return fields.step(reach - distance + ragged, per_cell(cells.border) + pitch), distance / reach


def _nucleus(cells: Cells, dx: F32, dy: F32, texture: F32, pitch: float) -> tuple[F32, F32]:
    """Return the mask of the nucleus, and the signed distance to its outline in µm, positive inside."""
    x = dx + per_cell(cells.ruffle) * texture[fields.WANDER_X]
    y = dy + per_cell(cells.ruffle) * texture[fields.WANDER_Y]
    closeness = np.zeros_like(x)
    sharpness = 1 / per_cell(cells.fusion)
    for slot in range(cells.lobes.shape[1]):
        x0, y0, x1, y1, radius = cells.lobes[:, slot].T
        if np.isneginf(radius).all():
            continue
        ax, ay = x1 - x0, y1 - y0
        px, py = x - per_cell(x0), y - per_cell(y0)
        position = (px * per_cell(ax) + py * per_cell(ay)) / per_cell(np.maximum(ax * ax + ay * ay, np.float32(1e-6)))
        position = np.clip(position, 0, 1)
        px, py = px - position * per_cell(ax), py - position * per_cell(ay)
        closeness += np.exp((per_cell(radius) - np.sqrt(px * px + py * py)) * sharpness)
    inside = np.log(closeness + LOG_FLOOR) / sharpness
    inside = np.minimum(inside, -_disc(cells.notch, x, y))
    return fields.step(inside, per_cell(cells.nucleus_edge) + pitch), inside


def _stain_cytoplasm(stains: F32, cells: Cells, mask: F32, depth: F32, inside: F32, texture: F32) -> None:
    eosin, blue, haemoglobin = (per_cell(cells.cytoplasm[:, k]) for k in range(3))
    deepening, pale, cloud = (per_cell(cells.shading[:, k]) for k in range(3))
    cloudy = np.maximum(1 + cloud * (texture[fields.CLOUD] + np.float32(0.5) * texture[fields.DUST]), 0)
    clear = 1 - pale * np.clip(1 + inside / np.float32(1.8), 0, 1)
    stains[EOSIN] += eosin * mask * cloudy
    stains[BLUE] += blue * mask * cloudy * clear * (1 + deepening * (np.clip(depth, 0, 1) ** 4 - np.float32(0.3)))
    stains[HAEMOGLOBIN] += haemoglobin * mask


def _stain_nucleus(stains: F32, cells: Cells, mask: F32, inside: F32, dx: F32, dy: F32, texture: F32) -> None:
    coarse, fine, rim = (per_cell(cells.chromatin[:, k]) for k in range(3))
    at_rim = np.clip(1 - inside / np.float32(0.9), 0, 1)
    density = 1 + coarse * texture[fields.COARSE] + fine * texture[fields.FINE] + rim * at_rim
    density = np.maximum(density, np.float32(0.2))
    net = fields.step(texture[fields.CLOUD] + np.float32(1.2) - np.float32(1.5) * per_cell(cells.lace), np.float32(1.2))
    mask = mask * (1 - per_cell(cells.lace) * (1 - net))
    for slot in range(cells.nucleoli.shape[1]):
        spot = fields.step(_disc(cells.nucleoli[:, slot], dx, dy), np.float32(0.6)) * per_cell(cells.nucleolus)
        density *= 1 - spot
        stains[BLUE] += np.float32(0.7) * spot * mask
    stains[AZURE] += per_cell(cells.nucleus[:, 0]) * mask * density
    stains[AZUROPHIL] += per_cell(cells.nucleus[:, 1]) * mask * density


def _stain_granules(
    stains: F32,
    cells: Cells,
    body: F32,
    nucleus: F32,
    dx: F32,
    dy: F32,
    texture: F32,
    rngs: list[np.random.Generator],
) -> None:
    for i, rng in enumerate(rngs):
        spacing, size, present, visibility = (float(v) for v in cells.granules[i])
        if present == 0:
            continue
        x, y = np.broadcast_arrays(dx[i], dy[i])
        sway = np.float32(0.2 * spacing)
        field = fields.granules(
            rng,
            x + sway * texture[fields.COARSE, i],
            y + sway * texture[fields.CLOUD, i],
            spacing,
            size,
            present,
        )
        field *= body[i] * (1 - nucleus[i] * np.float32(1 - visibility))
        for stain, dye in zip((AZURE, AZUROPHIL, ACIDOPHIL), cells.dyes[i], strict=True):
            stains[stain, i] += dye * field
