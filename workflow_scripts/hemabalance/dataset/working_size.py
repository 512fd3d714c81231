"""Images of a set at the one size that generators make and classifiers see (method.md, §6)."""

import numpy as np
import pandas as pd
from PIL import Image

from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError
from hemabalance.parallel import batched

_AT_ONCE = 256


def reduced(pixels: np.ndarray, size: int, *, where: str) -> np.ndarray:
    """Square images brought to a smaller side by averaging areas, RGB uint8 (n, size, size, 3).

    Raises:
        InputError: not square, or smaller than `size`.
    """
    height, width = pixels.shape[1:3]
    if height != width or height < size:
        problem = f"holds images of {width}x{height} px, of which none of {size}x{size} px can be made"
        raise InputError(where, problem, "Set synthesis.size to at most images.size")
    if height == size:
        return pixels
    box = Image.Resampling.BOX
    return np.stack([np.asarray(Image.fromarray(one).resize((size, size), box)) for one in pixels])


def positions_of(image_set: ImageSet, image_ids: pd.Series) -> np.ndarray:
    """Where images are in the index of their set, int64 (n,).

    Raises:
        InputError: an image is not in the set.
    """
    where: np.ndarray = pd.Index(image_set.index["image_id"]).get_indexer(image_ids)
    if (where < 0).any():
        lacking = image_ids.to_numpy()[where < 0][0]
        raise InputError(
            image_set.path, f"lacks {lacking}", "Delete the results made from it and run the workflow again"
        )
    return where


def read_reduced(image_set: ImageSet, image_ids: pd.Series, size: int, *, threads: int) -> np.ndarray:
    """Chosen images of a set at the working size, RGB uint8 (n, size, size, 3), in the order of the ids.

    Args:
        image_set: images of one shape.
        image_ids: str (n,).
        size: side to reduce to, in pixels; at most that of the images.
        threads: decoders at once.

    Raises:
        InputError: an image is not in the set, is not square, or is smaller than `size`.
    """
    out = np.empty((len(image_ids), size, size, 3), np.uint8)
    fill_reduced(out, np.arange(len(out)), image_set, positions_of(image_set, image_ids), threads=threads)
    return out


def fill_reduced(out: np.ndarray, at: np.ndarray, image_set: ImageSet, where: np.ndarray, *, threads: int) -> None:
    """Fill places of an array, which may be a memory map, with chosen images of a set; errors as `read_reduced`.

    Args:
        out: RGB uint8 (m, size, size, 3).
        at: int (n,), the place in `out` of each image.
        image_set: images of one shape.
        where: int (n,), the position in the set of each image.
        threads: decoders at once.
    """
    for batch in batched(range(len(where)), _AT_ONCE):
        part = slice(batch[0], batch[-1] + 1)
        pixels = image_set.decode_all(threads=threads, where=where[part])
        out[at[part]] = reduced(pixels, out.shape[1], where=str(image_set.path))
