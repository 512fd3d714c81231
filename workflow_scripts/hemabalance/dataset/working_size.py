"""Images of a set at the working size, the size of generated images and of the input of classifiers."""

import numpy as np
import pandas as pd
from PIL import Image

from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError
from hemabalance.parallel import batched

_BATCH = 256


def reduced(pixels: np.ndarray, size: int, *, where: str) -> np.ndarray:
    """Reduce square images to side `size` by averaging areas, RGB uint8 (n, size, size, 3).

    Args:
        pixels: RGB uint8 (n, height, width, 3).
        size: side of the result in pixels.
        where: origin of the images, for the error message.

    Raises:
        InputError: the images are not square, or smaller than `size`.
    """
    height, width = pixels.shape[1:3]
    if height != width or height < size:
        problem = f"contains images of {width}x{height} px, which cannot be reduced to {size}x{size} px"
        raise InputError(where, problem, "Set synthesis.size to at most images.size")
    if height == size:
        return pixels
    box = Image.Resampling.BOX
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), box)) for image in pixels])


def positions_of(image_set: ImageSet, image_ids: pd.Series) -> np.ndarray:
    """Return the positions of images in the index of their set, int64 (n,).

    Raises:
        InputError: an image is not in the set.
    """
    positions: np.ndarray = pd.Index(image_set.index["image_id"]).get_indexer(image_ids)
    if (positions < 0).any():
        missing = image_ids.to_numpy()[positions < 0][0]
        raise InputError(
            image_set.path, f"lacks {missing}", "Delete the results built from it and run the workflow again"
        )
    return positions


def read_reduced(image_set: ImageSet, image_ids: pd.Series, size: int, *, threads: int) -> np.ndarray:
    """Read images of a set at the working size, RGB uint8 (n, size, size, 3), in the order of the ids.

    Args:
        image_set: images of one shape.
        image_ids: str (n,).
        size: side of the result in pixels; at most the side of the images.
        threads: number of decoder threads.

    Raises:
        InputError: an image is not in the set, is not square, or is smaller than `size`.
    """
    out = np.empty((len(image_ids), size, size, 3), np.uint8)
    fill_reduced(out, np.arange(len(out)), image_set, positions_of(image_set, image_ids), threads=threads)
    return out


def fill_reduced(out: np.ndarray, indices: np.ndarray, image_set: ImageSet, where: np.ndarray, *, threads: int) -> None:
    """Write images of a set into an array, which may be a memory map; raises like `read_reduced`.

    Args:
        out: RGB uint8 (m, size, size, 3).
        indices: int (n,), index in `out` of each image.
        image_set: images of one shape.
        where: int (n,), position in the set of each image.
        threads: number of decoder threads.
    """
    for batch in batched(range(len(where)), _BATCH):
        part = slice(batch[0], batch[-1] + 1)
        pixels = image_set.decode_all(threads=threads, where=where[part])
        out[indices[part]] = reduced(pixels, out.shape[1], where=str(image_set.path))
