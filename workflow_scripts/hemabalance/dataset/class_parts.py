"""Deal out whole groups to the parts of a split: by the shares, and so that each class has each part where it can."""

import logging
from collections.abc import Iterator, Sequence

import pandas as pd

from hemabalance.classes import UNLABELLED
from hemabalance.errors import InputError

log = logging.getLogger(__name__)

LEAST_DECLARED = 2
"""A class with at least this many groups has training and test images, if some of its groups are declared."""

LEAST_FOR_VALIDATION = 4
"""A source with at least this many declared groups has validation images."""


def even_draws(table: pd.DataFrame, test_share: float, validation_share: float) -> pd.Series:
    """Draws that divide the images of a source with declared groups by the shares, however few and large these are.

    In the order of its draws, each declared group gets the share of the source's images that lie before its middle. If
    none of four groups or more is then drawn for validation, the first of the training groups is.

    Args:
        table: rows of a split with the columns `source, group_id, draw` and `declared` (bool).
        test_share, validation_share: as in `splits.split`.

    Returns:
        Draws in [0, 1); those of groups that are not declared are unchanged.
    """
    draws = table["draw"].copy()
    # A group that joins patients of two sources counts for the first of them.
    groups = table.groupby("group_id").agg(
        source=("source", "min"), draw=("draw", "first"), declared=("declared", "any"), images=("source", "size")
    )
    for _, own in groups[groups["declared"]].sort_values("draw", kind="stable").groupby("source"):
        middles = (own["images"].cumsum() - own["images"] / 2) / own["images"].sum()
        training = middles.index[middles >= test_share + (1 - test_share) * validation_share]
        has_none = not ((middles >= test_share) & ~middles.index.isin(training)).any()
        if validation_share and len(own) >= LEAST_FOR_VALIDATION and has_none and len(training) > 1:
            middles[training[0]] = test_share + (1 - test_share) * validation_share / 2
        members = table["group_id"].isin(own.index)
        draws[members] = middles.astype("float64").loc[table.loc[members, "group_id"]].to_numpy()
    return draws


def give_test_images(table: pd.DataFrame, stratum: Sequence[str], least_groups: int) -> None:
    """Move a group to `test` for each class that has none there: the group whose draw is least.

    Args:
        table: rows of a split with the column `declared` (bool); its column `part` is changed.
        stratum: the columns that make a class: `label`, or `source` and `label`.
        least_groups: least number of a class's groups; for whole classes with declared groups, `LEAST_DECLARED`.
    """
    for name, rows in _strata(table, stratum):
        declared = stratum == ["label"] and rows["declared"].any()
        least = min(least_groups, LEAST_DECLARED) if declared else least_groups
        if rows["group_id"].nunique() >= least and not (rows["part"] == "test").any():
            order = rows.sort_values("draw", kind="stable")["group_id"].drop_duplicates()
            free = (
                [group for group in order if not _takes_last(table, group)] if rows["declared"].any() else list(order)
            )
            for nearest in free[:1]:
                table.loc[table["group_id"] == nearest, "part"] = "test"
                log.info("%s has no test image by its draws: group %s moves to test", "/".join(map(str, name)), nearest)


def give_training_images(table: pd.DataFrame) -> None:
    """Move a group to `train` for each class with declared groups that has none there: that of the largest draw."""
    for (label,), rows in _strata(table, ["label"]):
        if rows["declared"].any() and rows["group_id"].nunique() > 1 and not (rows["part"] == "train").any():
            order = rows.sort_values("draw", ascending=False, kind="stable")["group_id"].drop_duplicates()
            for nearest in [group for group in order if not _takes_last(table, group)][:1]:
                table.loc[table["group_id"] == nearest, "part"] = "train"
                log.info("%s has no training image by its draws: group %s moves to train", label, nearest)


def _strata(table: pd.DataFrame, stratum: Sequence[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Each class and its rows as they are by then."""
    names = table[list(stratum)].drop_duplicates().sort_values(list(stratum))
    for name in names.itertuples(index=False, name=None):
        yield name, table[(table[list(stratum)] == list(name)).all(axis=1)]


def _takes_last(table: pd.DataFrame, group: str) -> bool:
    """Whether a class would lose its last training or test images if the group left its part."""
    members = table[table["group_id"] == group]
    part = members["part"].iloc[0]
    others = table[(table["part"] == part) & (table["group_id"] != group)]
    return part != "validation" and not set(members["label"]) - {UNLABELLED} <= set(others["label"])


def refuse_single_groups(table: pd.DataFrame) -> None:
    """Check that no class with a declared group has all its images in one group.

    Raises:
        InputError: names the class and the group.
    """
    for (label,), rows in _strata(table[table["label"] != UNLABELLED], ["label"]):
        if rows["declared"].any() and rows["group_id"].nunique() == 1:
            group, sources = rows["group_id"].iloc[0], sorted(set(rows["source"]))
            problem = f"all its {len(rows)} images are in group {group}: training and test would share this group"
            raise InputError(f"class {label}", problem, _remedy(sources))


def refuse_missing_parts(table: pd.DataFrame) -> None:
    """Check that each class with declared groups has training and test images.

    Raises:
        InputError: the groups cannot be divided; names the class and its groups.
    """
    for (label,), rows in _strata(table[table["label"] != UNLABELLED], ["label"]):
        for part, name in (("train", "training"), ("test", "test")):
            if rows["declared"].any() and not (rows["part"] == part).any():
                groups = sorted(set(rows["group_id"]))
                problem = (
                    f"its {len(groups)} groups ({', '.join(groups[:5])}) cannot be divided: it would have no {name} "
                    "images, or another class would lose all of its own"
                )
                raise InputError(f"class {label}", problem, _remedy(sorted(set(rows["source"]))))


def _remedy(sources: Sequence[str]) -> str:
    keys = " and ".join(f"sources.{source}.classes" for source in sources)
    return f"Add images of another patient, or leave the class out: set its labels in {keys} to null"
