"""The split of a scarce protocol: well-filled classes are cut to n training images and stay whole in the test part.

All other training images of these classes, and their validation images, are withheld from everything: who has ten
images of a class has none to choose by.
"""

import logging
from collections.abc import Sequence

import pandas as pd

from hemabalance.dataset.splits import SCHEMA, WITHHELD, draws
from hemabalance.errors import InputError

log = logging.getLogger(__name__)

_CLASSES = "scarcity.classes"


def scarce_split(
    split: pd.DataFrame, classes: Sequence[str], *, n: int, draw: int, seed: int, rare: Sequence[str]
) -> pd.DataFrame:
    """Keep n training images of each scarce class and withhold its other training images and its validation images.

    Groups (copies of a photograph, declared groups) are kept or withheld whole: in the order of random numbers, a group
    is kept if it does not exceed what is left of n. The numbers of a draw depend on nothing but the seed, the number of
    the draw and the group's id, so the images kept at a smaller n of the same draw are among those of a larger one.

    Args:
        split: the leak-free split (`splits.SCHEMA`), of the classes of the run.
        classes: the scarce classes.
        n: number of training images that each keeps, at least 1.
        draw: number of the draw, from 1.
        seed: seed of the run.
        rare: the classes that are rare without being cut.

    Returns:
        The split with the part `withheld`; test images and all other classes are unchanged.

    Raises:
        InputError: a class is unknown, rare already, or has no test image, or not more than n training images, or its
            groups also hold images of another class or cannot make up n images.
    """
    table = split.copy()
    for label in classes:
        rows = split[split["label"] == label]
        _require_well_filled(rows, label, n, rare=rare, known=sorted(set(split["label"])))
        _require_own_groups(split, rows, label)
        training = rows[rows["part"] == "train"]
        kept = _kept_groups(training, label, n, draw=draw, seed=seed)
        withheld = rows[rows["part"].isin(["train", "validation"]) & ~rows["group_id"].isin(kept)]
        table.loc[withheld.index, "part"] = WITHHELD
        tested = int((rows["part"] == "test").sum())
        log.info("%s: %d training images kept, %d withheld, %d test images", label, n, len(withheld), tested)
    return SCHEMA.validate(table)


def _require_well_filled(rows: pd.DataFrame, label: str, n: int, *, rare: Sequence[str], known: Sequence[str]) -> None:
    numbers = rows["part"].value_counts()
    if not len(rows):
        raise InputError(_CLASSES, f"names {label}, of which there is no image", f"Choose among {', '.join(known)}")
    if label in rare:
        problem = f"names {label}, which is rare already ({len(rows)} images): a cut would leave too few to test on"
        raise InputError(_CLASSES, problem, "Name well-filled classes only; see synthesis.roles.rare_below")
    if not numbers.get("test", 0):
        problem = f"names {label}, which has no test image among its {len(rows)} images"
        raise InputError(_CLASSES, problem, "Remove the class, or raise split.test_share")
    if n >= numbers.get("train", 0):
        problem = f"is {n}, but {label} has only {numbers.get('train', 0)} training images, of which fewer must be kept"
        raise InputError("scarcity.n", problem, f"Set a smaller number, or remove {label} from {_CLASSES}")


def _require_own_groups(split: pd.DataFrame, rows: pd.DataFrame, label: str) -> None:
    """Check that no group of a class to be withheld holds images of another class, which would be withheld with it."""
    cut = rows.loc[rows["part"] != "test", "group_id"]
    others = split[split["group_id"].isin(cut) & (split["label"] != label)]
    if len(others):
        group, other = others["group_id"].iloc[0], others["label"].iloc[0]
        problem = f"names {label}, but its group {group} also holds images of {other}, and groups are withheld whole"
        raise InputError(_CLASSES, problem, "Name classes whose groups (such as patients) hold no other class")


def _kept_groups(training: pd.DataFrame, label: str, n: int, *, draw: int, seed: int) -> list[str]:
    sizes = training.groupby("group_id").size().rename("images").reset_index()
    sizes["number"] = draws(f"{draw}:" + sizes["group_id"], seed=seed)
    kept: list[str] = []
    left = n
    for group in sizes.sort_values(["number", "group_id"]).itertuples():
        if group.images <= left:
            kept.append(str(group.group_id))
            left -= int(group.images)
    if left:
        problem = f"is {n}, but groups of {label} that are kept whole make up only {n - left} images"
        raise InputError(
            "scarcity.n", problem, f"Set a number that the groups allow, or remove {label} from {_CLASSES}"
        )
    return kept
