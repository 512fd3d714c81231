"""The images that stain normalisers see, by domain."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet, open_image_sets
from hemabalance.dataset.splits import HELD_BACK, require_visible, visible
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.stain.direction import shared_classes
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData
from hemabalance.taxonomy import SOURCE_OF
from hemabalance.training.data_checks import Images

DomainImageSets = Mapping[Domain, ImageSet]
"""The prepared images of both sources, all of one size."""


def open_sets(images: Iterable[str], indexes: Iterable[str], stack: ExitStack) -> dict[Domain, ImageSet]:
    """The image sets of domain a and domain b, in this order, open for as long as `stack`."""
    return dict(zip(DOMAINS, open_image_sets(images, indexes, stack), strict=True))


def training_data(
    sets: DomainImageSets,
    split: pd.DataFrame,
    protocol: Protocol,
    pairs: tuple[np.ndarray, np.ndarray] | None,
    *,
    threads: int,
) -> StainData:
    """What a normaliser may be fitted on: the visible images of the classes that both sources have.

    Args:
        sets: the prepared images.
        split: of the protocol, both sources.
        protocol: decides what is visible.
        pairs: rendered cells in look a and look b, for methods that need them.
        threads: decoders at once.

    Raises:
        InputError: the sources share no visible class, or images and split are not of one run.
    """
    loaded = {domain: training_images(sets[domain], split, protocol, threads=threads) for domain in DOMAINS}
    return StainData(loaded["a"], loaded["b"], pairs)


def training_images(held: ImageSet, split: pd.DataFrame, protocol: Protocol, *, threads: int) -> Images:
    """One source's share of `training_data`; arguments and errors as there."""
    where = _trained_on(held, split, protocol)
    labels = held.index.loc[where, "label"].to_numpy(dtype=str)
    return Images(held.decode_all(threads=threads, where=where), labels)


def training_ids(sets: DomainImageSets, split: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """The ids of the images in `training_data`; arguments and errors as there."""
    held = (sets[domain] for domain in DOMAINS)
    return pd.concat([one.index.loc[_trained_on(one, split, protocol), "image_id"] for one in held])


def _trained_on(held: ImageSet, split: pd.DataFrame, protocol: Protocol) -> np.ndarray:
    """Bool (len(held),): the images of a set that a normaliser may be fitted on."""
    seen = visible(split, protocol)
    classes = shared_classes(seen)
    if not classes:
        raise InputError(
            "training images",
            "no class has training images of both sources, so nothing says which cells correspond",
            "Add images of one class to both sources, or set the direction to none",
        )
    seen = seen[seen["label"].isin(classes)]
    where: np.ndarray = held.index["image_id"].isin(seen["image_id"]).to_numpy()
    require_visible(split, held.index.loc[where, "image_id"], protocol)
    return where


def evaluation_rows(split: pd.DataFrame, protocol: Protocol, *, most: int) -> pd.DataFrame:
    """Which images to measure on: of each source, of the shared classes, up to `most` with the smallest draws.

    Only images that no training saw, where the protocol holds any back; else those it saw.

    Returns:
        Rows of the split sorted by source and image id, with `held_back`.
    """
    kept = split[split["label"].isin(shared_classes(split))]
    parts = HELD_BACK[protocol]
    rows = kept[kept["part"].isin(parts)] if parts else kept
    # The draw also decided the part, so the smallest are test images: real test images come first.
    chosen = rows.sort_values(["draw", "image_id"]).groupby("source").head(most)
    return chosen.sort_values(["source", "image_id"], ignore_index=True).assign(held_back=bool(parts))


def decoded(
    sets: DomainImageSets, rows: pd.DataFrame, domain: Domain, *, threads: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of one source, and their images, RGB uint8 (n, size, size, 3)."""
    mine = rows[rows["source"] == SOURCE_OF[domain]].reset_index(drop=True)
    where = pd.Index(sets[domain].index["image_id"]).get_indexer(mine["image_id"])
    return mine, sets[domain].decode_all(threads=threads, where=where)


def size_of(sets: DomainImageSets) -> int:
    """The side of the images in pixels.

    Raises:
        InputError: the two sets have no images, or images of different sizes.
    """
    sizes = {int(side) for held in sets.values() for side in held.index["height"].unique()}
    if len(sizes) != 1:
        problem = f"images of the sizes {sorted(sizes)}" if sizes else "no images at all"
        where = " and ".join(str(held.path) for held in sets.values())
        raise InputError(where, f"hold {problem} where one size is needed", "Delete them and run the workflow again")
    return sizes.pop()
