"""The images that all rows of the experiment across laboratories are tested on, and the parts that they fall into."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.splits import UNLABELLED_HALF, read_split
from hemabalance.errors import InputError

OWN, UNSEEN, OTHER_HALF, ALL = PART_NAMES = "own_test", "unseen_half", "other_half", "all"
"""Parts of the images: test images of the source with labels; of the other sources, the half that no fit saw, the half
whose images may be used without their labels, and both halves."""

_AGAIN = "Delete the predictions and run the workflow again"


@dataclass(frozen=True)
class AcrossImages:
    """Which images belong to which part.

    Attributes:
        parts: part -> bool (n,), in the order of the predictions; parts without images are left out.
        others: names of the other sources, sorted.
    """

    parts: Mapping[str, np.ndarray]
    others: tuple[str, ...]


def divide_images(images: pd.DataFrame, source: str, *, predictions: Path, split: Path) -> AcrossImages:
    """Divide the images of the predictions by source and half.

    Args:
        images: rows `image_id, source, label` of all predictions.
        source: the source with labels.
        predictions: file that the images are from, for messages.
        split: the split of the protocol (`dataset.splits.SCHEMA`).

    Raises:
        InputError: the split cannot be read; it has no such image, or has it in a part that is no test; an image that
            should be predicted is missing; there is no image of the source, or of another one, or none of the half that
            no fit saw.
    """
    table = read_split(split)
    part = images["image_id"].map(table.set_index("image_id")["part"])
    is_own = (images["source"] == source).to_numpy()
    _check_parts(images["image_id"], part, is_own, predictions, split)
    for missing, of in ((~is_own, "another source than"), (is_own, "the source")):
        if not missing.any():
            problem = f"has no image of {of} {source}, so nothing can be compared across sources"
            raise InputError(predictions, problem, "Predict the test images of the source and all images of the others")
    _check_complete(images, table, source, predictions, split)
    is_unseen = ~is_own & (part == "test").to_numpy()
    if not is_unseen.any():
        problem = "has all images of other sources in the half that may be used, none in the half that no fit saw"
        raise InputError(split, problem, "Choose another seed of the run, or add images of other sources")
    parts = {OWN: is_own, UNSEEN: is_unseen, OTHER_HALF: ~is_own & ~is_unseen, ALL: ~is_own}
    others = tuple(sorted(set(images.loc[~is_own, "source"])))
    return AcrossImages({name: mask for name, mask in parts.items() if mask.any()}, others)


def _check_parts(ids: pd.Series, part: pd.Series, is_own: np.ndarray, predictions: Path, split: Path) -> None:
    allowed = (part == "test").to_numpy() | (~is_own & (part == UNLABELLED_HALF).to_numpy())
    if not allowed.all():
        first, found = ids[~allowed].iloc[0], part[~allowed].iloc[0]
        where = "not in the split" if pd.isna(found) else f"in its part {found}"
        problem = f"has {(~allowed).sum():,} images that are no test images in {split}, first {first} ({where})"
        raise InputError(predictions, problem, _AGAIN)


def _check_complete(images: pd.DataFrame, table: pd.DataFrame, source: str, predictions: Path, split: Path) -> None:
    """All test images of a class must be predicted, of the source and of the others, if any of the class is."""
    rows = table[table["part"].isin(["test", UNLABELLED_HALF])]
    predicted = set(zip(images["source"] == source, images["label"], strict=True))
    keys = zip(rows["source"] == source, rows["label"], strict=True)
    expected = rows.loc[[key in predicted for key in keys], "image_id"]
    missing = expected[~expected.isin(images["image_id"])]
    if len(missing):
        problem = f"lacks {len(missing):,} test images of {split}, first {missing.iloc[0]}"
        raise InputError(predictions, problem, _AGAIN)
