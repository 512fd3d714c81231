"""Statistics of the colour channels of an image, independent of where in the image a colour is."""

import numpy as np
from skimage.color import rgb2lab

CHANNELS = ("red", "green", "blue", "lightness", "green_red", "blue_yellow")
PERCENTILES = (5, 25, 50, 75, 95)
COLUMNS = tuple(f"{c}_{s}" for s in ("mean", "std", *(f"p{p}" for p in PERCENTILES)) for c in CHANNELS)
"""Names of the columns of `colour_statistics`."""


def colour_statistics(images: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and percentiles (5, 25, 50, 75, 95) of each channel of RGB and of CIELAB.

    The statistics do not depend on the arrangement of the pixels.

    Args:
        images: RGB uint8 (n, h, w, 3).

    Returns:
        float64 (n, 42), columns in the order of `COLUMNS`; RGB from 0 to 255, CIELAB (D65) in CIELAB units.
    """
    return np.array([_statistics(image) for image in images], np.float64).reshape(len(images), len(COLUMNS))


def _statistics(image: np.ndarray) -> np.ndarray:
    channels = np.concatenate((image, rgb2lab(image)), axis=2).reshape(-1, len(CHANNELS))
    percentiles = np.percentile(channels, PERCENTILES, axis=0)
    return np.concatenate((channels.mean(axis=0), channels.std(axis=0), percentiles.ravel()))
