"""Rendering cells: where which stain sits, and the photographs of it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from hemabalance.sources.phantom import fields
from hemabalance.sources.phantom.cells import Cells
from hemabalance.sources.phantom.optics import (
    ACIDOPHIL,
    AZURE,
    AZUROPHIL,
    BLUE,
    EOSIN,
    HAEMOGLOBIN,
    STAINS,
    StainDomain,
    photograph,
)
from hemabalance.sources.phantom.smear import red_cells, stain_platelets, wide

F32 = NDArray[np.float32]

TEXTURE_STREAM = 2
BATCH = 4
ROOT_OF = np.float32(1e-30)  # keeps the logarithm of an empty sum finite


def render(
    cells: Cells, domain: StainDomain, *, shape: tuple[int, int], nuisance: bool, threads: int
) -> NDArray[np.uint8]:
    """Photographs of `cells`.

    Args:
        cells: what to photograph.
        domain: "a" (PBC-like stain) or "b" (AML-Cytomorphology_LMU-like stain).
        shape: height and width in pixels; a frame is 36 µm wide whatever its sampling.
        nuisance: whether to add stain variation, exposure, shading, focus blur and sensor noise.
        threads: at least 1; without effect on the result.

    Returns:
        (n, h, w, 3) uint8. Image i depends only on cell i, `domain`, `shape` and `nuisance`.
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
    """Stain concentrations (6, n, h, w), at least 0, in the order of `optics.STAINS`: the ground truth of an image."""
    x, y, pitch = fields.grid(shape)
    rngs = [np.random.default_rng([cells.seed, int(i), TEXTURE_STREAM]) for i in cells.index]
    texture = np.stack([fields.textures(r, float(g), shape) for r, g in zip(rngs, cells.grain, strict=True)], axis=1)
    dx = x[None, None, :] - wide(cells.centre[:, 0])
    dy = y[None, :, None] - wide(cells.centre[:, 1])
    body, depth = _body(cells, dx, dy, texture, pitch)
    nucleus, inside = _nucleus(cells, dx, dy, texture, pitch)
    nucleus *= np.where(wide(cells.radius) > 0, body, np.float32(1))
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
    """Signed distance (n, h, w), positive inside, of one disc (n, 3) a cell."""
    away_x, away_y = dx - wide(disc[:, 0]), dy - wide(disc[:, 1])
    inside: F32 = wide(disc[:, 2]) - np.sqrt(away_x * away_x + away_y * away_y)
    return inside


def _body(cells: Cells, dx: F32, dy: F32, texture: F32, pitch: float) -> tuple[F32, F32]:
    """Mask of the cell, and the position between its centre (0) and border (1)."""
    away = np.sqrt(dx * dx + dy * dy) + np.float32(1e-6)
    cos, sin = dx / away, dy / away
    outline = np.ones_like(away)
    cos_k, sin_k = cos, sin
    for harmonic in range(cells.outline.shape[1]):
        cos_k, sin_k = cos_k * cos - sin_k * sin, sin_k * cos + cos_k * sin
        outline += wide(cells.outline[:, harmonic, 0]) * cos_k + wide(cells.outline[:, harmonic, 1]) * sin_k
    direction, length, sharpness = (wide(cells.tail[:, k]) for k in range(3))
    outline += length * np.exp(sharpness * (cos * np.cos(direction) + sin * np.sin(direction) - 1))
    reach = outline * wide(cells.radius)
    ragged = np.float32(0.04) * texture[fields.FINE] + np.float32(0.12) * texture[fields.CLOUD]
    return fields.step(reach - away + ragged, wide(cells.border) + pitch), away / reach


def _nucleus(cells: Cells, dx: F32, dy: F32, texture: F32, pitch: float) -> tuple[F32, F32]:
    """Mask of the nucleus, and its signed distance in µm, positive inside."""
    x = dx + wide(cells.ruffle) * texture[fields.WANDER_X]
    y = dy + wide(cells.ruffle) * texture[fields.WANDER_Y]
    near = np.zeros_like(x)
    sharpness = 1 / wide(cells.fusion)
    for slot in range(cells.lobes.shape[1]):
        x0, y0, x1, y1, radius = cells.lobes[:, slot].T
        if np.isneginf(radius).all():
            continue
        ax, ay = x1 - x0, y1 - y0
        px, py = x - wide(x0), y - wide(y0)
        along = (px * wide(ax) + py * wide(ay)) / wide(np.maximum(ax * ax + ay * ay, np.float32(1e-6)))
        along = np.clip(along, 0, 1)
        px, py = px - along * wide(ax), py - along * wide(ay)
        near += np.exp((wide(radius) - np.sqrt(px * px + py * py)) * sharpness)
    inside = np.log(near + ROOT_OF) / sharpness
    inside = np.minimum(inside, -_disc(cells.notch, x, y))
    return fields.step(inside, wide(cells.nucleus_edge) + pitch), inside


def _stain_cytoplasm(stains: F32, cells: Cells, mask: F32, depth: F32, inside: F32, texture: F32) -> None:
    eosin, blue, haemoglobin = (wide(cells.cytoplasm[:, k]) for k in range(3))
    deepening, pale, cloud = (wide(cells.shading[:, k]) for k in range(3))
    cloudy = np.maximum(1 + cloud * (texture[fields.CLOUD] + np.float32(0.5) * texture[fields.DUST]), 0)
    clear = 1 - pale * np.clip(1 + inside / np.float32(1.8), 0, 1)
    stains[EOSIN] += eosin * mask * cloudy
    stains[BLUE] += blue * mask * cloudy * clear * (1 + deepening * (np.clip(depth, 0, 1) ** 4 - np.float32(0.3)))
    stains[HAEMOGLOBIN] += haemoglobin * mask


def _stain_nucleus(stains: F32, cells: Cells, mask: F32, inside: F32, dx: F32, dy: F32, texture: F32) -> None:
    coarse, fine, rim = (wide(cells.chromatin[:, k]) for k in range(3))
    at_rim = np.clip(1 - inside / np.float32(0.9), 0, 1)
    density = 1 + coarse * texture[fields.COARSE] + fine * texture[fields.FINE] + rim * at_rim
    density = np.maximum(density, np.float32(0.2))
    net = fields.step(texture[fields.CLOUD] + np.float32(1.2) - np.float32(1.5) * wide(cells.lace), np.float32(1.2))
    mask = mask * (1 - wide(cells.lace) * (1 - net))
    for slot in range(cells.nucleoli.shape[1]):
        spot = fields.step(_disc(cells.nucleoli[:, slot], dx, dy), np.float32(0.6)) * wide(cells.nucleolus)
        density *= 1 - spot
        stains[BLUE] += np.float32(0.7) * spot * mask
    stains[AZURE] += wide(cells.nucleus[:, 0]) * mask * density
    stains[AZUROPHIL] += wide(cells.nucleus[:, 1]) * mask * density


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
        spacing, size, present, over = (float(v) for v in cells.granules[i])
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
        field *= body[i] * (1 - nucleus[i] * np.float32(1 - over))
        for stain, dye in zip((AZURE, AZUROPHIL, ACIDOPHIL), cells.dyes[i], strict=True):
            stains[stain, i] += dye * field
