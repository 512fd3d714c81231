"""Images with their classes, and what every training asks of them before it starts."""

import hashlib
from dataclasses import dataclass

import numpy as np

from hemabalance.errors import InputError

FINGERPRINT_IMAGES = 64


@dataclass(frozen=True)
class Images:
    """Images and their classes.

    Attributes:
        pixels: RGB uint8 (n, height, width, 3); may be a memory map.
        labels: str (n,), the class of each image.
    """

    pixels: np.ndarray
    labels: np.ndarray


def require_size(what: str, images: np.ndarray, size: int) -> None:
    """Refuse images, (n, height, width, 3), that are not `size` pixels square.

    Raises:
        InputError: names both sizes.
    """
    if images.shape[1:] != (size, size, 3):
        height, width = images.shape[1:3]
        problem = f"{width}x{height} px, but the networks were built for {size}x{size} px"
        raise InputError(what, problem, "Bring the images and the networks to one working size in config")


def fingerprint(*arrays: np.ndarray) -> str:
    """Of the shapes, of all labels (n,), and of a few images (n, height, width, 3) from first to last.

    Enough to notice that a training goes on with other data, at no cost.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        if array.ndim == 1:
            digest.update("\0".join(array.tolist()).encode())
        elif len(array):
            few = np.unique(np.linspace(0, len(array) - 1, FINGERPRINT_IMAGES).astype(np.int64))
            digest.update(np.ascontiguousarray(array[few]).tobytes())
    return digest.hexdigest()[:16]
