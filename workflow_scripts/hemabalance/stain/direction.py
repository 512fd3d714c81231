"""Direction of normalisation: which images are mapped to the other source's stain."""

from typing import Literal

import pandas as pd

from hemabalance.errors import InputError
from hemabalance.stain.normalizer import Domain
from hemabalance.taxonomy import SOURCE_OF

Direction = Literal["per_class", "to_a", "to_b", "none"]
DIRECTIONS: tuple[Direction, ...] = ("per_class", "to_a", "to_b")


def target_domains(table: pd.DataFrame, direction: Direction, classes: tuple[str, ...]) -> pd.Series:
    """For each image the domain to whose stain it is mapped, or None where it is not mapped.

    `per_class` (thesis §3.4, §4.1): for each class in `classes`, the source with fewer images after cleaning is
    mapped to the stain of the other; with equal numbers source B is mapped. Stain then depends on the class, so a
    classifier can predict the label from the background (see `audit`). `to_a`, `to_b`: all images of one source, of
    every class. `none`: no images.

    Args:
        table: one row per image after cleaning, of all parts of the split: `source, label`.
        direction: the rule.
        classes: the classes that `per_class` maps.

    Returns:
        Domain or None, on the index of `table`.

    Raises:
        InputError: a class that `per_class` is to map has no image in one of the sources.
    """
    targets = pd.Series([None] * len(table), index=table.index, dtype=object)
    if direction in ("to_a", "to_b"):
        to: Domain = "a" if direction == "to_a" else "b"
        targets[table["source"] != SOURCE_OF[to]] = to
    elif direction == "per_class":
        for label in classes:
            in_class = table["label"] == label
            counts = {d: int((in_class & (table["source"] == SOURCE_OF[d])).sum()) for d in ("a", "b")}
            if not all(counts.values()):
                empty_source = SOURCE_OF["a" if not counts["a"] else "b"]
                raise InputError(
                    "config key stain.classes",
                    f"lists {label}, but {empty_source} has no image of it",
                    "Remove the class from the list, or add images",
                )
            to = "a" if counts["b"] <= counts["a"] else "b"
            targets[in_class & (table["source"] != SOURCE_OF[to])] = to
    return targets


def shared_classes(table: pd.DataFrame) -> list[str]:
    """Classes of which both sources have images, sorted."""
    classes = {source: set(rows["label"]) for source, rows in table.groupby("source")}
    return sorted(classes.get(SOURCE_OF["a"], set()) & classes.get(SOURCE_OF["b"], set()))
