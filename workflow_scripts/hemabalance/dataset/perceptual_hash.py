"""Grey thumbnails of images and their 64-bit perceptual hashes, for the search of duplicates."""

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import dctn

THUMB = 64
"""Side of a thumbnail in pixels."""

_HASH_SIDE = 8
# Signs by which a mirror image multiplies its frequencies along one axis.
_MIRROR_SIGNS = np.where(np.arange(_HASH_SIDE) % 2, -1, 1).astype(np.float32)
_BATCH = 256


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return a grey thumbnail of the full frame, antialiased; the aspect ratio is not kept.

    Args:
        image: RGB uint8 (height, width, 3), or its luma uint8 (height, width).

    Returns:
        Luma (ITU-R BT.601), uint8 (THUMB, THUMB).
    """
    grey = Image.fromarray(image) if image.ndim == 2 else Image.fromarray(image).convert("L")
    # Box reduction first: several times faster than a single wide filter.
    factor = min(grey.size) // THUMB
    if factor > 1:
        grey = grey.reduce(factor)
    return np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.BILINEAR))


def thumbs_of(column: pd.Series) -> np.ndarray:
    """Return the thumbnails of an inventory column without missing values, uint8 (n, THUMB, THUMB)."""
    return np.frombuffer(b"".join(column), np.uint8).reshape(-1, THUMB, THUMB)


def halved(images: np.ndarray) -> np.ndarray:
    """Average squares of 2x2 pixels: uint8 or float32 (n, side, side) to float32 (n, side / 2, side / 2)."""
    rows = np.add(images[:, ::2], images[:, 1::2], dtype=np.uint16 if images.dtype == np.uint8 else np.float32)
    means: np.ndarray = (rows[:, :, ::2] + rows[:, :, 1::2]).astype(np.float32) / 4
    return means


def perceptual_hash(thumbs: np.ndarray) -> np.ndarray:
    """Return DCT perceptual hashes: the 8x8 lowest frequencies compared with their median (Zauner 2010, §3.2.1).

    Args:
        thumbs: uint8 (n, THUMB, THUMB).

    Returns:
        uint64 (n,).
    """
    low = _low_frequencies(thumbs).reshape(len(thumbs), _HASH_SIDE**2)
    # The first coefficient (the mean) encodes only brightness and would shift the median.
    return _packed(low > np.median(low[:, 1:], axis=1, keepdims=True))


def pose_hashes(thumbs: np.ndarray) -> np.ndarray:
    """Return the hashes of the thumbnails in the eight poses: the 8x8 lowest frequencies compared with zero.

    A mirror image has the same frequencies, every other one with the opposite sign; a quarter turn also exchanges rows
    and columns. One DCT therefore gives all poses. Unlike the median, zero stays the same in all of them: the distance
    of two images does not change if both are turned.

    Args:
        thumbs: uint8 (n, THUMB, THUMB).

    Returns:
        uint64 (8, n); the poses are those of `metrics.poses.poses`.
    """
    rotated = [_low_frequencies(thumbs)]
    for _ in range(3):
        rotated.append(rotated[-1].transpose(0, 2, 1) * _MIRROR_SIGNS[:, None])
    both = [*rotated, *(low * _MIRROR_SIGNS for low in rotated)]
    return np.stack([_packed(low.reshape(len(thumbs), _HASH_SIDE**2) > 0) for low in both])


def _low_frequencies(thumbs: np.ndarray) -> np.ndarray:
    """Lowest frequencies of the DCT, float32 (n, 8, 8): rows, columns."""
    # Batches that fit the cache take a quarter of the time.
    batches = [
        dctn(halved(thumbs[start : start + _BATCH]), axes=(1, 2), norm="ortho")[:, :_HASH_SIDE, :_HASH_SIDE]
        for start in range(0, len(thumbs), _BATCH)
    ]
    return np.concatenate([np.empty((0, _HASH_SIDE, _HASH_SIDE), np.float32), *batches])


def _packed(bits: np.ndarray) -> np.ndarray:
    hashes: np.ndarray = np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return hashes
