"""The split of a protocol across sources: one source has labels, models of it predict images of the others.

A half of the other sources' images, chosen by a hash, may be used without labels by normalisers; nothing sees the
other half before it is predicted.
"""

import logging

import pandas as pd

from hemabalance.dataset.splits import SCHEMA, UNLABELLED_HALF, draws
from hemabalance.errors import InputError

log = logging.getLogger(__name__)


def across_split(split: pd.DataFrame, source: str, *, seed: int) -> pd.DataFrame:
    """Divide the images of all other sources into an unlabelled half and a test half.

    Groups (copies of a photograph, declared groups) stay whole: their numbers depend on nothing but the seed and the
    group's id.

    Args:
        split: the leak-free split (`splits.SCHEMA`), of the classes of the run.
        source: the source with labels, whose images keep their parts.
        seed: seed of the run.

    Returns:
        The split, in which all images of other sources have the part `unlabelled` or `test`.

    Raises:
        InputError: there is no other source with images, no class of theirs has training images, or a group holds
            images of the labelled source and of another one.
    """
    other = split["source"] != source
    if not other.any():
        problem = "is the only one with images: there is no other one to test on"
        raise InputError(f"source {source}", problem, "Add a source to `sources`, or leave out the section `across`")
    both = set(split.loc[other, "group_id"]) & set(split.loc[~other, "group_id"])
    if both:
        problem = f"holds images of {source} and of another source, so that the sources are not independent"
        raise InputError(f"group {min(both)}", problem, "List its images of one source in data/exclusions.csv")
    shared = shared_images(split, source)
    if not len(shared):
        problem = f"has no training image of a class of the other sources ({', '.join(sorted(set(split['source'])))})"
        raise InputError(f"source {source}", problem, "Choose another `reference`, or correct the sources' classes")
    table = split.copy()
    half = draws("across:" + split["group_id"], seed=seed) < 0.5
    table.loc[other, "part"] = "test"
    table.loc[other & half, "part"] = UNLABELLED_HALF
    numbers = table.loc[shared.index, "part"].value_counts().sort_index()
    log.info("images of other sources of its classes: %s", ", ".join(f"{n} {part}" for part, n in numbers.items()))
    return SCHEMA.validate(table)


def shared_images(split: pd.DataFrame, source: str) -> pd.DataFrame:
    """The images of other sources of the classes of which `source` has training images, rows of the split."""
    other = split["source"] != source
    return split[other & split["label"].isin(split.loc[~other & (split["part"] == "train"), "label"])]
