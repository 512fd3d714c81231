"""Image sets of rendered cells that exist in both stains: their ids, and how to read them."""

import numpy as np

from hemabalance.dataset.imageset import ImageSet

PARTS = ("train", "test")


def pair_id(part: str, cell: int, kind: str) -> str:
    """The id of an image: of cell number `cell` of a part, `photograph` or `truth`."""
    return f"pair/{part}/{cell:06d}/{kind}"


def read_pairs(images: ImageSet, part: str, kind: str, *, threads: int) -> np.ndarray:
    """The images of a part in the order of their cells, RGB uint8 (n, size, size, 3).

    Args:
        images: rendered in one look (`sources.phantom.pairs.write_pairs`).
        part: `train` or `test`.
        kind: `photograph`, or `truth` (of the part `test`).
        threads: decoders at once.
    """
    ids = images.index["image_id"]
    wanted = ids.str.startswith(f"pair/{part}/") & ids.str.endswith(kind)
    return images.decode_all(threads=threads, where=wanted.to_numpy())
