"""sRGB to CIELAB and back (D65, 2°), by tables, many times as fast as powers and cube roots.

Tables have an entry for each of 65536 equal steps of a linear value in 0..1. The largest errors, of near-black colours,
are 0.01 of L*, 0.06 of a* and b*, and 0.03 grey levels on the way back.
"""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

_STEPS = 65536
_LAST = np.float32(_STEPS - 1)
# Rows Y, X, Z, because Y alone determines L*; relative to white. The matrix of skimage.color (sRGB primaries, D65).
_YXZ = np.array(((0.212671, 0.715160, 0.072169), (0.412453, 0.357580, 0.180423), (0.019334, 0.119193, 0.950227)))
_YXZ /= np.array((1.0, 0.95047, 1.08883))[:, None]
_TO_YXZ = (_LAST * _YXZ).astype(np.float32)
_FROM_YXZ = (_LAST * np.linalg.inv(_YXZ)).astype(np.float32)
_SCALE = np.array(((116,), (500,), (200,)), np.float32)
_KNEE = 6 / 29  # the cube root above which CIELAB's function is one; below, it is its tangent
_SLOPE = 3 * _KNEE**2


def _linear(encoded: NDArray[np.float64]) -> F32:
    power = ((encoded + 0.055) / 1.055) ** 2.4
    return np.where(encoded > 0.04045, power, encoded / 12.92).astype(np.float32)


def _encoded(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    power = 1.055 * linear ** (1 / 2.4) - 0.055
    share = np.where(linear > 0.0031308, power, 12.92 * linear)
    levels: NDArray[np.uint8] = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return levels


def _root(ratio: NDArray[np.float64]) -> F32:
    return np.where(ratio > _KNEE**3, np.cbrt(ratio), (ratio - _KNEE**3) / _SLOPE + _KNEE).astype(np.float32)


_STEP_MIDDLES = (np.arange(_STEPS) + 0.5) / (_STEPS - 1)
_LINEAR = _linear(np.arange(256) / 255)
_ENCODED = _encoded(_STEP_MIDDLES)
_ROOT = _root(_STEP_MIDDLES)


def lab_of(image: NDArray[np.uint8]) -> F32:
    """L* (0..100), a* and b* as rows (3, n) of the pixels of an sRGB image, uint8 (height, width, 3)."""
    linear = np.take(_LINEAR, np.ascontiguousarray(image.reshape(-1, 3).T))
    lab: F32 = np.take(_ROOT, (_TO_YXZ @ linear).astype(np.uint16))
    y, x, z = lab
    np.subtract(x, y, out=x)
    np.subtract(y, z, out=z)
    lab *= _SCALE
    y -= 16
    return lab


def srgb_of(lab: F32) -> NDArray[np.uint8]:
    """The pixels (n, 3) of L*, a* and b* (3, n), which are overwritten; colours outside sRGB are clipped."""
    y, x, z = lab
    y += 16
    lab /= _SCALE
    x += y
    np.subtract(y, z, out=z)
    np.maximum(z, 0, out=z)
    linear = _FROM_YXZ @ _cubes(lab)
    encoded = np.take(_ENCODED, np.clip(linear, 0, _LAST, out=linear).astype(np.uint16))
    return np.stack(tuple(encoded), axis=1)


def _cubes(roots: F32) -> F32:
    """The inverse of the function of `_ROOT`."""
    if roots.min() >= _KNEE:
        return roots * roots * roots
    above = np.maximum(roots, np.float32(_KNEE))
    cubes: F32 = above * above * above
    cubes += np.minimum(roots - np.float32(_KNEE), 0) * np.float32(_SLOPE)
    return cubes
