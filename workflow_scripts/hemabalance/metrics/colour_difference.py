"""The colour difference between pairs of images as people see it: CIEDE2000."""

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab


def delta_e(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIEDE2000 (Sharma et al. 2005) between the pixels of each pair, mean over pixels; sRGB under D65.

    Args:
        a: RGB uint8 (n, h, w, 3).
        b: the same shape.

    Returns:
        float64 (n,), from 0; about 1 is the smallest difference that a person sees.
    """
    if a.shape != b.shape:
        raise ValueError(f"pairs of images are needed, not {a.shape} and {b.shape}")
    return np.array(list(map(_mean_difference, a, b)), np.float64)


def _mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean())  # type: ignore[no-untyped-call]
