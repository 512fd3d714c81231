"""Perceptual colour difference between pairs of images: CIEDE2000."""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab


def delta_e(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean CIEDE2000 (Sharma et al. 2005) over the pixels of each pair; sRGB, white point D65.

    Args:
        a: RGB uint8 (n, h, w, 3).
        b: the same shape.

    Returns:
        float64 (n,), at least 0; about 1 is the smallest visible difference.

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"images must come in pairs, not as {a.shape} and {b.shape}")
    return np.array(list(map(_mean_difference, a, b)), np.float64)


def _mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean())  # type: ignore[no-untyped-call]
