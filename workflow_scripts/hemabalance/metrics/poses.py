"""The eight poses (rotations and reflections) of a square image."""

import numpy as np

POSES = 8
"""Rotations by multiples of 90 degrees, with and without reflection."""


def poses(images: np.ndarray) -> np.ndarray:
    """Images in their eight poses (the dihedral group of the square).

    Args:
        images: (n, s, s, c), square.

    Returns:
        The same dtype (8, n, s, s, c): rotated by 0, 90, 180 and 270 degrees, then these four mirrored.

    Raises:
        ValueError: the images are not square.
    """
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images are {images.shape}: rotation by 90 degrees needs square images")
    rotated = [np.rot90(images, k, axes=(1, 2)) for k in range(4)]
    return np.stack([*rotated, *(pose[:, :, ::-1] for pose in rotated)])
