"""The images for fitting and evaluating the stain normaliser of a pair of sources."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classes import UNLABELLED
from hemabalance.dataset.imageset import ImageSet, open_image_sets
from hemabalance.dataset.splits import HELD_BACK, require_visible_stains, visible, visible_stains
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol, rules_of
from hemabalance.stain.direction import comparable_images, shared_classes, why_no_shared_labels
from hemabalance.stain.normalizer import DOMAINS, Domain, Pair, StainData
from hemabalance.training.data_checks import Images

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PairImages:
    """The prepared images of a pair of sources, all of one size.

    Attributes:
        pair: the source of each domain.
        sets: their images by domain.
    """

    pair: Pair
    sets: Mapping[Domain, ImageSet]


def open_domains(images: Iterable[str], indexes: Iterable[str], stack: ExitStack) -> dict[Domain, ImageSet]:
    """Open the image sets of domain a and domain b, in this order; `stack` closes them."""
    return dict(zip(DOMAINS, open_image_sets(images, indexes, stack), strict=True))


def open_pair(pair: Pair, images: Iterable[str], indexes: Iterable[str], stack: ExitStack) -> PairImages:
    """Open the image sets of the sources of a pair, the reference first; `stack` closes them."""
    return PairImages(pair, open_domains(images, indexes, stack))


def training_data(
    images: PairImages,
    split: pd.DataFrame,
    protocol: Protocol,
    rendered: tuple[np.ndarray, np.ndarray] | None,
    *,
    threads: int,
) -> StainData:
    """The images that a normaliser may be fitted on: the visible images of the classes that both sources have.

    If there is no such class, these are all visible images of both sources, under one label, so that methods draw
    them at their natural frequencies.

    Args:
        images: the prepared images.
        split: of the protocol.
        protocol: determines the visible images.
        rendered: the same rendered cells in stain a and in stain b, for paired methods.
        threads: number of decoders.

    Raises:
        InputError: a source has no visible image, or images and split belong to different runs.
    """
    rows = _training_rows(images.pair, split, protocol)
    _warn_of_natural_frequencies(visible_stains(split, protocol), images.pair)
    a, b = (_decode(images.sets[domain], rows, split, protocol, threads) for domain in DOMAINS)
    return StainData(a, b, rendered)


def training_ids(images: PairImages, split: pd.DataFrame, protocol: Protocol) -> pd.Series:
    """The ids of the images in `training_data`; arguments and errors as there."""
    return _training_rows(images.pair, split, protocol)["image_id"]


def reference_images(images: PairImages, split: pd.DataFrame, protocol: Protocol, *, threads: int) -> Images:
    """The visible images of the reference of the classes that both sources have, or of all classes if there are none.

    Arguments and errors as `training_data`; the reference must have labels.
    """
    rows = visible(split, protocol)
    classes = shared_classes(rows, images.pair)
    rows = rows[rows["source"] == images.pair["a"]]
    return _decode(images.sets["a"], rows[rows["label"].isin(classes or set(rows["label"]))], split, protocol, threads)


def _training_rows(pair: Pair, split: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    rows = comparable_images(visible_stains(split, protocol), pair)
    for source in pair.values():
        if not (rows["source"] == source).any():
            raise InputError(
                f"training images of {source}",
                "there are none, so a mapping between the stains cannot be learned",
                "Check this source's archive, its exclusions and the split",
            )
    return rows


def _warn_of_natural_frequencies(rows: pd.DataFrame, pair: Pair) -> None:
    reason, sources = why_no_shared_labels(rows, pair), " and ".join(pair.values())
    if reason and UNLABELLED in set(rows.loc[rows["source"].isin(list(pair.values())), "label"]):
        log.info("%s: all training images of %s are used, at their natural frequencies", reason, sources)
    elif reason:
        log.warning(
            "%s: all training images of %s are used, at their natural frequencies. This is second best: where the "
            "sources show different cells, the normaliser may learn to turn one kind of cell into another",
            reason,
            sources,
        )


def _decode(image_set: ImageSet, rows: pd.DataFrame, split: pd.DataFrame, protocol: Protocol, threads: int) -> Images:
    """The images of a set that `rows` names, with the labels in `rows`, in the order of the set."""
    labels = image_set.index["image_id"].map(rows.set_index("image_id")["label"])
    mask = labels.notna().to_numpy()
    require_visible_stains(split, image_set.index.loc[mask, "image_id"], protocol)
    return Images(image_set.decode_all(threads=threads, where=mask), labels[mask].to_numpy(dtype=str))


def evaluation_rows(split: pd.DataFrame, pair: Pair, protocol: Protocol, *, max_images: int) -> pd.DataFrame:
    """Select the images for the evaluation: of each source at most `max_images` (see `direction.comparable_images`).

    Only held-back images are selected if the protocol has any, else all images. Those with the smallest `draw` come
    first.

    Returns:
        Rows of the split sorted by source and image id, with the column `held_back`.
    """
    rows = comparable_images(split, pair)
    parts = HELD_BACK[rules_of(protocol)]
    candidates = rows[rows["part"].isin(parts)] if parts else rows
    # `draw` also determined the part: the smallest values are test images, so test images come first.
    selected = candidates.sort_values(["draw", "image_id"]).groupby("source").head(max_images)
    return selected.sort_values(["source", "image_id"], ignore_index=True).assign(held_back=bool(parts))


def decode_domain(
    images: PairImages, rows: pd.DataFrame, domain: Domain, *, threads: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of one domain's source, and their images, RGB uint8 (n, size, size, 3)."""
    domain_rows = rows[rows["source"] == images.pair[domain]].reset_index(drop=True)
    image_set = images.sets[domain]
    positions = pd.Index(image_set.index["image_id"]).get_indexer(domain_rows["image_id"])
    return domain_rows, image_set.decode_all(threads=threads, where=positions)


def size_of(sets: Mapping[Any, ImageSet]) -> int:
    """The side of the images in pixels.

    Raises:
        InputError: the sets have no images, or images of different sizes.
    """
    sizes = {int(side) for image_set in sets.values() for side in image_set.index["height"].unique()}
    if len(sizes) != 1:
        problem = f"contain images of different sizes {sorted(sizes)}" if sizes else "contain no images"
        paths = " and ".join(str(image_set.path) for image_set in sets.values())
        raise InputError(paths, problem, "Delete them and run the workflow again")
    return sizes.pop()
