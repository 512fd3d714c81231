"""SSIM and PSNR of pairs of images, computed by scikit-image."""

import math
from functools import partial

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity of each pair, window of Wang et al. 2004 (Gaussian, sigma 1.5), mean over channels.

    Args:
        a: RGB uint8 (n, h, w, 3), sides at least 11.
        b: the same shape.

    Returns:
        float64 (n,), from -1 to 1; 1 for identical images.
    """
    _check(a, b)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    measure = partial(structural_similarity, data_range=255, channel_axis=2, **options)
    return np.array(list(map(measure, a, b)), np.float64)


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each pair, in dB, over all channels.

    Identical images, whose ratio is infinite, get the ratio of images that differ by one level in one channel of one
    pixel (89 dB at 64 pixels). A mean over pairs is therefore always finite.

    Args:
        a: RGB uint8 (n, h, w, 3).
        b: the same shape.

    Returns:
        float64 (n,), at least 0.
    """
    _check(a, b)
    measure = partial(peak_signal_noise_ratio, data_range=255)
    with np.errstate(divide="ignore"):
        values = np.array(list(map(measure, a, b)), np.float64)
    limited: np.ndarray = np.minimum(values, 10 * math.log10(255**2 * math.prod(a.shape[1:])))
    return limited


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(f"images must be pairs of uint8, not {a.dtype} {a.shape} and {b.dtype} {b.shape}")
