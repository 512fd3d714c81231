"""What duplicates are searched by: a small grey thumbnail of every image, and a 64-bit perceptual hash of it."""

import numpy as np
from PIL import Image
from scipy.fft import dctn

THUMB = 64
"""Side of a thumbnail in pixels."""

_HASH_SIDE = 8


def thumbnail(image: np.ndarray) -> np.ndarray:
    """A grey thumbnail of the whole frame, antialiased, aspect ratio not kept.

    Args:
        image: RGB uint8 (height, width, 3).

    Returns:
        uint8 (THUMB, THUMB).
    """
    grey = Image.fromarray(image).convert("L")
    # A box reduction first is several times faster than one wide filter and changes nothing visible.
    factor = min(grey.size) // (2 * THUMB)
    if factor > 1:
        grey = grey.reduce(factor)
    return np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.BILINEAR))


def perceptual_hash(thumbs: np.ndarray) -> np.ndarray:
    """DCT perceptual hash: signs of the 8x8 lowest frequencies against their median (Zauner 2010, §3.2.1).

    Args:
        thumbs: uint8 (n, THUMB, THUMB).

    Returns:
        uint64 (n,).
    """
    small = thumbs.reshape(len(thumbs), THUMB // 2, 2, THUMB // 2, 2).mean((2, 4), dtype=np.float32)
    low = dctn(small, axes=(1, 2), norm="ortho")[:, :_HASH_SIDE, :_HASH_SIDE].reshape(len(thumbs), _HASH_SIDE**2)
    # The mean (first) coefficient only carries brightness and would shift the median.
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    packed: np.ndarray = np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
    return packed
