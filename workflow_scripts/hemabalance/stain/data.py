"""The images for fitting and evaluating stain normalisers, by domain."""

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
    """Open the image sets of domain a and domain b, in this order; `stack` closes them."""
    return dict(zip(DOMAINS, open_image_sets(images, indexes, stack), strict=True))


def training_data(
    sets: DomainImageSets,
    split: pd.DataFrame,
    protocol: Protocol,
    pairs: tuple[np.ndarray, np.ndarray] | None,
    *,
    threads: int,
) -> StainData:
    """The images that a normaliser may be fitted on: the visible images of the classes that both sources have.

    Args:
        sets: the prepared images.
        split: of the protocol, both sources.
        protocol: determines the visible images.
        pairs: the same rendered cells in stain a and in stain b, for paired methods.
        threads: number of decoders.

    Raises:
        InputError: the sources share no visible class, or images and split belong to different runs.
    """
    images = {domain: training_images(sets[domain], split, protocol, threads=threads) for domain in DOMAINS}
    return StainData(images["a"], images["b"], pairs)


def training_images(image_set: ImageSet, split: pd.DataFrame, protocol: Protocol, *, threads: int) -> Images:
    """The images of one source in `training_data`; arguments and errors as there."""
    mask = _training_mask(image_set, split, protocol)
    labels = image_set.index.loc[mask, "label"].to_numpy(dtype=str)
    return Images(image_set.decode_all(threads=threads, where=mask), labels)


def training_ids(sets: DomainImageSets, split: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """The ids of the images in `training_data`; arguments and errors as there."""
    image_sets = (sets[domain] for domain in DOMAINS)
    return pd.concat([s.index.loc[_training_mask(s, split, protocol), "image_id"] for s in image_sets])


def _training_mask(image_set: ImageSet, split: pd.DataFrame, protocol: Protocol) -> np.ndarray:
    """Bool (len(image_set),): the images of a set that a normaliser may be fitted on."""
    visible_rows = visible(split, protocol)
    classes = shared_classes(visible_rows)
    if not classes:
        raise InputError(
            "training images",
            "no class has training images of both sources, so a mapping between the stains cannot be learned",
            "Add images of one class to both sources, or set the direction to none",
        )
    visible_rows = visible_rows[visible_rows["label"].isin(classes)]
    mask: np.ndarray = image_set.index["image_id"].isin(visible_rows["image_id"]).to_numpy()
    require_visible(split, image_set.index.loc[mask, "image_id"], protocol)
    return mask


def evaluation_rows(split: pd.DataFrame, protocol: Protocol, *, max_images: int) -> pd.DataFrame:
    """Select the images for the evaluation: of each source at most `max_images` of the classes that both sources have.

    Only held-back images are selected if the protocol has any, else all images. Those with the smallest `draw` come
    first.

    Returns:
        Rows of the split sorted by source and image id, with the column `held_back`.
    """
    rows = split[split["label"].isin(shared_classes(split))]
    parts = HELD_BACK[protocol]
    candidates = rows[rows["part"].isin(parts)] if parts else rows
    # `draw` also determined the part: the smallest values are test images, so test images come first.
    selected = candidates.sort_values(["draw", "image_id"]).groupby("source").head(max_images)
    return selected.sort_values(["source", "image_id"], ignore_index=True).assign(held_back=bool(parts))


def decode_domain(
    sets: DomainImageSets, rows: pd.DataFrame, domain: Domain, *, threads: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of one domain's source, and their images, RGB uint8 (n, size, size, 3)."""
    domain_rows = rows[rows["source"] == SOURCE_OF[domain]].reset_index(drop=True)
    positions = pd.Index(sets[domain].index["image_id"]).get_indexer(domain_rows["image_id"])
    return domain_rows, sets[domain].decode_all(threads=threads, where=positions)


def size_of(sets: DomainImageSets) -> int:
    """The side of the images in pixels.

    Raises:
        InputError: the two sets have no images, or images of different sizes.
    """
    sizes = {int(side) for image_set in sets.values() for side in image_set.index["height"].unique()}
    if len(sizes) != 1:
        problem = f"contain images of different sizes {sorted(sizes)}" if sizes else "contain no images"
        paths = " and ".join(str(image_set.path) for image_set in sets.values())
        raise InputError(paths, problem, "Delete them and run the workflow again")
    return sizes.pop()
