"""Grey thumbnails of images and their 64-bit perceptual hashes, for the search of duplicates."""

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import dctn

THUMB = 64
"""Side of a thumbnail in pixels."""

_HASH_SIDE = 8
_BATCH = 256


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return a grey thumbnail of the full frame, antialiased; the aspect ratio is not kept.

    Args:
        image: RGB uint8 (height, width, 3), or its luma uint8 (height, width).

    Returns:
        Luma (ITU-R BT.601), uint8 (THUMB, THUMB).
    """
    grey = Image.fromarray(image).convert("L")
    # Box reduction first: several times faster than a single wide filter.
    factor = min(grey.size) // THUMB
    if factor > 1:
        grey = grey.reduce(factor)
    return np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.BILINEAR))


def thumbs_of(column: pd.Series) -> np.ndarray:
    """Return the thumbnails of an inventory column without missing values, uint8 (n, THUMB, THUMB)."""
    return np.frombuffer(b"".join(column), np.uint8).reshape(-1, THUMB, THUMB)


def halved(thumbs: np.ndarray) -> np.ndarray:
    """Average squares of 2x2 pixels: uint8 (n, side, side) to float32 (n, side / 2, side / 2)."""
    rows = thumbs[:, ::2].astype(np.uint16) + thumbs[:, 1::2]
    means: np.ndarray = (rows[:, :, ::2] + rows[:, :, 1::2]).astype(np.float32) / 4
    return means


def perceptual_hash(thumbs: np.ndarray) -> np.ndarray:
    """Return DCT perceptual hashes: the 8x8 lowest frequencies compared with their median (Zauner 2010, §3.2.1).

    Args:
        thumbs: uint8 (n, THUMB, THUMB).

    Returns:
        uint64 (n,).
    """
    # Batches that fit the cache take a quarter of the time.
    batches = [_hash_batch(thumbs[start : start + _BATCH]) for start in range(0, len(thumbs), _BATCH)]
    return np.concatenate([np.empty(0, np.uint64), *batches])


def _hash_batch(thumbs: np.ndarray) -> np.ndarray:
    spectrum = dctn(halved(thumbs), axes=(1, 2), norm="ortho")
    low = spectrum[:, :_HASH_SIDE, :_HASH_SIDE].reshape(len(thumbs), _HASH_SIDE**2)
    # The first coefficient (the mean) encodes only brightness and would shift the median.
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    hashes: np.ndarray = np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return hashes
