"""Mean probabilities over poses and scales of an image, for any model."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image

from hemabalance.classify.evaluate import outputs
from hemabalance.classify.model import Model
from hemabalance.metrics.calibration import tempered
from hemabalance.metrics.poses import POSES, posed


def zoomed(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Images scaled about their centre, at the same size.

    Args:
        pixels: RGB uint8 (n, s, s, 3).
        factor: above 1 for a larger cell, whose surroundings are cut off; below 1 for a smaller one, around which the
            image is mirrored at its edges. At least 0.5.

    Returns:
        RGB uint8 (n, s, s, 3), resampled with an antialiased (Lanczos) filter.
    """
    if factor == 1:
        return pixels
    side = pixels.shape[1]
    margin, low, high = _shown(side, factor)
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    return np.stack([_resized(image, side, (low, low, high, high)) for image in padded])


@cache
def zoom_matrix(side: int, factor: float) -> np.ndarray:
    """The matrix M with which `zoomed` is, before rounding, M P M^T for each colour P of an image.

    Args:
        side: side of the images in pixels.
        factor: see `zoomed`.

    Returns:
        float32 (side, side), rows summing to 1.
    """
    margin, low, high = _shown(side, factor)
    padded = np.pad(np.eye(side, dtype=np.float32), ((margin, margin), (0, 0)), mode="symmetric")
    return _resized(padded, side, (0, low, side, high))


def _shown(side: int, factor: float) -> tuple[int, float, float]:
    """Pixels by which each edge is mirrored, and first and last coordinate of what is shown then."""
    margin = max(0, math.ceil((side / factor - side) / 2))
    centre, half = side / 2 + margin, side / factor / 2
    return margin, centre - half, centre + half


def _resized(image: np.ndarray, side: int, box: tuple[float, float, float, float]) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS, box))


def mean_probabilities_of_views(model: Model, pixels: np.ndarray, *, poses: bool, zooms: Sequence[float]) -> np.ndarray:
    """The mean of the probabilities over the given scales of each image and, with `poses`, its eight poses.

    Args:
        model: a trained model.
        pixels: RGB uint8 (n, size, size, 3).
        poses: whether to average over quarter turns and mirror images too.
        zooms: factors of `zoomed`, at least one.

    Returns:
        float64 (n, classes), rows summing to 1.

    Raises:
        InputError: the model's outputs are not finite.
    """
    views = [
        np.ascontiguousarray(posed(zoomed(pixels, factor), pose))
        for factor in zooms
        for pose in range(POSES if poses else 1)
    ]
    mean: np.ndarray = np.mean([tempered(outputs(model, view), 1.0) for view in views], axis=0)
    return mean
