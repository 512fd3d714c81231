"""The poses in which a copy may hide."""

import numpy as np

POSES = 8
"""Mirrored or not, turned by quarters."""


def poses(images: np.ndarray) -> np.ndarray:
    """Images in their eight poses.

    Args:
        images: (n, s, s, c), square.

    Returns:
        The same dtype (8, n, s, s, c): as they are, turned by 90, 180 and 270 degrees, then these four mirrored.

    Raises:
        ValueError: the images are not square.
    """
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images are {images.shape}: quarter turns need square ones")
    turned = [np.rot90(images, k, axes=(1, 2)) for k in range(4)]
    return np.stack([*turned, *(one[:, :, ::-1] for one in turned)])
