"""Pixel grids, random textures and granules, from which stain concentrations are composed.

All fields are defined in micrometres, so the pixel size of a frame does not change its content.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from hemabalance.sources.phantom.scene import FRAME_UM

F32 = NDArray[np.float32]

TILE, TILE_UM = 128, 24.0  # textures repeat after 24 µm, more than the diameter of any cell
# wavelength (µm) and relative bandwidth; each band gives two independent fields, the real and the imaginary part
BANDS = ((6.0, 0.6), (1.7, 0.45), (0.8, 0.35))
WANDER_X, WANDER_Y, COARSE, CLOUD, FINE, DUST = range(6)
SCATTER = 64  # granule positions repeat after 64 spacings


def grid(shape: tuple[int, int]) -> tuple[F32, F32, float]:
    """Return coordinates x (w,), y (h,) of pixel centres in µm from the frame's centre, and the pixel pitch in µm."""
    height, width = shape
    pitch = FRAME_UM / width
    x = (np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)) * np.float32(pitch)
    y = (np.arange(height, dtype=np.float32) - np.float32((height - 1) / 2)) * np.float32(pitch)
    return x, y, pitch


def step(inside: F32, softness: Any) -> F32:
    """Smooth step of a signed distance: 0 below -softness/2, 1 above +softness/2 (cubic Hermite between)."""
    t = np.clip(inside / softness + np.float32(0.5), np.float32(0), np.float32(1))
    smooth: F32 = t * t * (np.float32(3) - np.float32(2) * t)
    return smooth


def _filters() -> NDArray[np.float32]:
    cycles = fft.fftfreq(TILE, TILE_UM / TILE)
    k = np.hypot(cycles[:, None], cycles[None, :])
    gains = [np.exp(-0.5 * ((k * wavelength - 1) / width) ** 2) * (k > 0) for wavelength, width in BANDS]
    return np.stack([g * TILE * TILE / np.sqrt((g**2).sum()) for g in gains]).astype(np.float32)


FILTERS = _filters()


def textures(rng: np.random.Generator, grain: float, shape: tuple[int, int]) -> F32:
    """Sample six band-limited Gaussian fields (6, h, w), zero mean, unit variance, ordered as WANDER_X ... DUST.

    The fields are sampled in the Fourier domain on a fixed tile and interpolated with Catmull-Rom weights at the
    pixels of the frame; `grain` scales their wavelengths.
    """
    white = rng.standard_normal((len(BANDS), TILE, TILE, 2), dtype=np.float32).view(np.complex64)[..., 0]
    waves = fft.ifft2(white * FILTERS)
    tile = np.stack([waves.real, waves.imag], axis=1).reshape(-1, TILE, TILE)
    x, y, _ = grid(shape)
    scale = np.float32(TILE / TILE_UM / grain)
    rows = _resample(tile, y * scale, axis=1)
    return _resample(rows, x * scale, axis=2)


def _resample(values: F32, coordinates: F32, axis: int) -> F32:
    """Catmull-Rom interpolation of periodic samples along one axis (Keys 1981, a = -1/2)."""
    base = np.floor(coordinates)
    t = coordinates - base
    weights = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    weight_shape = [1, 1, 1]
    weight_shape[axis] = len(coordinates)
    first = base.astype(np.int64) - 1
    out: F32 = np.float32(0)  # type: ignore[assignment]
    for tap, weight in enumerate(weights):
        out = out + np.take(values, first + tap, axis=axis, mode="wrap") * weight.reshape(weight_shape).astype(
            np.float32
        )
    return out


def granules(rng: np.random.Generator, x: F32, y: F32, spacing: float, size: float, present: float) -> F32:
    """Sample round granules (h, w), 0 between and 1 inside, at most one in each square of a jittered lattice.

    Cellular noise after Worley (SIGGRAPH 1996, doi:10.1145/237170.237267).

    Args:
        rng: random generator.
        x: positions (h, w), µm.
        y: positions (h, w), µm.
        spacing: side of a square of the lattice, µm.
        size: mean radius of a granule, relative to `spacing`.
        present: share of squares with a granule.
    """
    jitter = rng.random((3, SCATTER, SCATTER), dtype=np.float32)
    exists = rng.random((SCATTER, SCATTER), dtype=np.float32) < present
    radius = np.where(exists, size * (0.75 + 0.5 * jitter[2]), -1.0).astype(np.float32).ravel()
    jitter_x, jitter_y = (0.1 + 0.8 * jitter[:2]).reshape(2, -1)
    u, v = x / np.float32(spacing), y / np.float32(spacing)
    column, row = np.floor(u), np.floor(v)
    u, v = u - column, v - row
    column, row = column.astype(np.int32), row.astype(np.int32)
    best = np.full(x.shape, -1.0, np.float32)
    for down in (-1, 0, 1):
        line = ((row + down) & (SCATTER - 1)) * SCATTER
        for right in (-1, 0, 1):
            square = line + ((column + right) & (SCATTER - 1))
            away_x = u - jitter_x[square] - np.float32(right)
            away_y = v - jitter_y[square] - np.float32(down)
            inside = radius[square] - np.sqrt(away_x * away_x + away_y * away_y)
            np.maximum(best, inside, out=best)
    return step(best, np.float32(0.3))
