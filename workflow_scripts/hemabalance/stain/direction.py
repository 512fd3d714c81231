"""Which images of which source are brought to the other source's stain."""

from typing import Literal

import pandas as pd

from hemabalance.errors import InputError
from hemabalance.stain.normalizer import Domain
from hemabalance.taxonomy import SOURCE_OF

Direction = Literal["per_class", "to_a", "to_b", "none"]
DIRECTIONS: tuple[Direction, ...] = ("per_class", "to_a", "to_b")


def targets(table: pd.DataFrame, direction: Direction, classes: tuple[str, ...]) -> pd.Series:
    """For each image the stain it is brought to, or None where it keeps its own.

    `per_class` (thesis §3.4, §4.1): of each class in `classes`, the source with fewer images after cleaning is
    mapped to the stain of the other; with equal numbers source B is mapped. Stain then depends on the class, so a
    classifier can read the label off the background: see the audit. `to_a`, `to_b`: all images of one source,
    whatever their class. `none`: nothing.

    Args:
        table: one row an image after cleaning, of all parts of the split: `source, label`.
        direction: the rule.
        classes: those that `per_class` maps.

    Returns:
        Domain or None, on the index of `table`.

    Raises:
        InputError: a class that `per_class` is to map has no image in one of the sources.
    """
    found = pd.Series([None] * len(table), index=table.index, dtype=object)
    if direction in ("to_a", "to_b"):
        to: Domain = "a" if direction == "to_a" else "b"
        found[table["source"] != SOURCE_OF[to]] = to
    elif direction == "per_class":
        for label in classes:
            of_class = table["label"] == label
            counts = {d: int((of_class & (table["source"] == SOURCE_OF[d])).sum()) for d in ("a", "b")}
            if not all(counts.values()):
                lacking = SOURCE_OF["a" if not counts["a"] else "b"]
                raise InputError(
                    "config key stain.classes",
                    f"lists {label}, but {lacking} has no image of it",
                    "Take the class out of the list, or add images",
                )
            to = "a" if counts["b"] <= counts["a"] else "b"
            found[of_class & (table["source"] != SOURCE_OF[to])] = to
    return found


def shared_classes(table: pd.DataFrame) -> list[str]:
    """Classes of which both sources have images, sorted."""
    of = {source: set(rows["label"]) for source, rows in table.groupby("source")}
    return sorted(of.get(SOURCE_OF["a"], set()) & of.get(SOURCE_OF["b"], set()))
