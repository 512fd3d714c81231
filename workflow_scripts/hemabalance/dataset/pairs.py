"""Image sets of cells rendered in both stains: image ids and reading."""

import numpy as np

from hemabalance.dataset.imageset import ImageSet

PARTS = ("train", "test")


def pair_id(part: str, cell: int, kind: str) -> str:
    """Return the image id of cell number `cell` of a part; `kind` is `photograph` or `truth`."""
    return f"pair/{part}/{cell:06d}/{kind}"


def read_pairs(images: ImageSet, part: str, kind: str, *, threads: int) -> np.ndarray:
    """Read the images of a part in the order of their cells, RGB uint8 (n, size, size, 3).

    Args:
        images: image set of one stain domain (`sources.phantom.pairs.write_pairs`).
        part: `train` or `test`.
        kind: `photograph`, or `truth` (part `test` only).
        threads: number of decoder threads.
    """
    ids = images.index["image_id"]
    selected = ids.str.startswith(f"pair/{part}/") & ids.str.endswith(kind)
    return images.decode_all(threads=threads, where=selected.to_numpy())
