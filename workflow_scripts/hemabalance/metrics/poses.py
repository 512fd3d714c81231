"""The eight poses (rotations and reflections) of a square image."""

import numpy as np

POSES = 8
"""Rotations by multiples of 90 degrees, with and without reflection."""


def posed(images: np.ndarray, pose: int) -> np.ndarray:
    """View of square images (n, s, s, ...) in one pose.

    Args:
        images: any dtype.
        pose: index in `poses`: rotated anticlockwise by `pose` % 4 quarter turns, then mirrored left to right if
            `pose` is 4 or more.
    """
    rotated: np.ndarray = np.rot90(images, pose % 4, axes=(1, 2))
    return rotated[:, :, ::-1] if pose >= 4 else rotated


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
    return np.stack([posed(images, pose) for pose in range(POSES)])


def _composition() -> np.ndarray:
    corners = np.arange(4).reshape(1, 2, 2)
    index = {posed(corners, pose).tobytes(): pose for pose in range(POSES)}
    table = [
        [index[posed(posed(corners, first), second).tobytes()] for first in range(POSES)] for second in range(POSES)
    ]
    return np.array(table)


COMPOSED = _composition()
"""int64 (POSES, POSES): [second, first] is the pose of an image after `first` and then `second`."""

INVERSE = (COMPOSED == 0).argmax(axis=0)
"""int64 (POSES,): the pose that undoes each pose."""
