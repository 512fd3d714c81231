"""Size of the stained nucleus in the middle of an image, where there are too few red cells to measure the scale.

Nuclei differ between classes of cells by more than red cells do, so their median depends on the classes that a source
holds: it shows a wrong magnification, and small differences not.
"""

import numpy as np
from scipy import ndimage

from hemabalance.metrics.red_cells import NUCLEUS_RED, otsu

_SMALLEST, _LARGEST = 0.05, 0.8  # diameters as shares of the side
_CLOSING = 0.015  # of the side: joins the lobes of a nucleus
_FARTHEST = 0.15  # of the side, from the middle to the nearest pixel of the nucleus


def nucleus_diameter(image: np.ndarray) -> np.ndarray:
    """Diameter of the circle with the area of the nucleus nearest to the middle.

    Args:
        image: RGB uint8 (side, side, 3).

    Returns:
        float64 (1,), as a share of the side; (0,) if there is no nucleus near the middle or the border cuts it.
    """
    side = image.shape[0]
    red = ndimage.gaussian_filter(image[..., 0].astype(np.float32), side * 0.004)
    bright = red[red > otsu(red)]
    if not len(bright):
        return np.empty(0)
    width = max(1, round(_CLOSING * side))
    mask = red < NUCLEUS_RED * np.median(bright)
    nuclei, _ = ndimage.label(ndimage.binary_opening(ndimage.binary_closing(mask, iterations=width), iterations=width))
    down, across = np.ogrid[:side, :side]
    distance = np.where(nuclei > 0, np.hypot(down - side / 2, across - side / 2), np.inf)
    nearest = np.unravel_index(int(np.argmin(distance)), distance.shape)
    nucleus = nuclei == nuclei[nearest]
    cut = nucleus[[0, -1]].any() or nucleus[:, [0, -1]].any()
    diameter = 2 * np.sqrt(nucleus.sum() / np.pi) / side
    if cut or distance[nearest] > _FARTHEST * side or not _SMALLEST < diameter < _LARGEST:
        return np.empty(0)
    return np.array([diameter], np.float64)
