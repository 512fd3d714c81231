"""What duplicates are searched by: a small grey thumbnail of every image, and a 64-bit perceptual hash of it."""

import numpy as np
import pandas as pd
from PIL import Image
from scipy.fft import dctn

THUMB = 64
"""Side of a thumbnail in pixels."""

_HASH_SIDE = 8
_PIECE = 256


def thumbnail(image: np.ndarray) -> np.ndarray:
    """A grey thumbnail of the whole frame, antialiased, aspect ratio not kept.

    Args:
        image: RGB uint8 (height, width, 3), or its luma uint8 (height, width).

    Returns:
        Luma (ITU-R BT.601), uint8 (THUMB, THUMB).
    """
    grey = Image.fromarray(image).convert("L")
    # A box reduction first: several times faster than one wide filter.
    factor = min(grey.size) // THUMB
    if factor > 1:
        grey = grey.reduce(factor)
    return np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.BILINEAR))


def thumbs_of(column: pd.Series) -> np.ndarray:
    """The thumbnails of an inventory column without missing values, uint8 (n, THUMB, THUMB)."""
    return np.frombuffer(b"".join(column), np.uint8).reshape(-1, THUMB, THUMB)


def halved(thumbs: np.ndarray) -> np.ndarray:
    """Means over squares of 2x2 pixels: uint8 (n, side, side) to float32 (n, side / 2, side / 2)."""
    rows = thumbs[:, ::2].astype(np.uint16) + thumbs[:, 1::2]
    means: np.ndarray = (rows[:, :, ::2] + rows[:, :, 1::2]).astype(np.float32) / 4
    return means


def perceptual_hash(thumbs: np.ndarray) -> np.ndarray:
    """DCT perceptual hash: signs of the 8x8 lowest frequencies against their median (Zauner 2010, §3.2.1).

    Args:
        thumbs: uint8 (n, THUMB, THUMB).

    Returns:
        uint64 (n,).
    """
    # In pieces that stay in cache: a quarter of the time.
    pieces = [_hash_piece(thumbs[start : start + _PIECE]) for start in range(0, len(thumbs), _PIECE)]
    return np.concatenate([np.empty(0, np.uint64), *pieces])


def _hash_piece(thumbs: np.ndarray) -> np.ndarray:
    spectrum = dctn(halved(thumbs), axes=(1, 2), norm="ortho")
    low = spectrum[:, :_HASH_SIDE, :_HASH_SIDE].reshape(len(thumbs), _HASH_SIDE**2)
    # The mean (first) coefficient only carries brightness and would shift the median.
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    packed: np.ndarray = np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return packed
