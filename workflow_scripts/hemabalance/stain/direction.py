"""Direction of normalisation: which images of a pair of sources are mapped to the other source's stain."""

from typing import Literal

import pandas as pd

from hemabalance.classes import UNLABELLED
from hemabalance.errors import InputError
from hemabalance.stain.normalizer import DOMAINS, Domain, Pair

Direction = Literal["per_class", "to_a", "to_b", "none"]
DIRECTIONS: tuple[Direction, ...] = ("per_class", "to_a", "to_b")


def target_domains(table: pd.DataFrame, direction: Direction, classes: tuple[str, ...] | None, pair: Pair) -> pd.Series:
    """For each image the domain to whose stain it is mapped, or None where it is not mapped.

    `per_class` (thesis §3.4, §4.1): for each class in `classes`, the source with fewer images after cleaning is
    mapped to the stain of the other; with equal numbers source B is mapped. Stain then depends on the class, so a
    classifier can predict the label from the background (see `audit`). `to_a`, `to_b`: all images of one source, of
    every class. `none`: no images. Images of further sources are not mapped.

    Args:
        table: one row per image after cleaning, of all parts of the split: `source, label`.
        direction: the rule.
        classes: the classes that `per_class` maps; None: all of which both sources have images.
        pair: the two sources.

    Returns:
        Domain or None, on the index of `table`.

    Raises:
        InputError: a class that `per_class` is to map has no image in one of the sources, or there is no class to map.
    """
    targets = pd.Series([None] * len(table), index=table.index, dtype=object)
    if direction in ("to_a", "to_b"):
        to: Domain = "a" if direction == "to_a" else "b"
        targets[table["source"] == pair["b" if to == "a" else "a"]] = to
    elif direction == "per_class":
        for label in shared_classes(table, pair) if classes is None else classes:
            to = _larger_domain(table[table["label"] == label], label, pair)
            mapped = pair["b" if to == "a" else "a"]
            targets[(table["label"] == label) & (table["source"] == mapped)] = to
        if classes is None and not targets.notna().any():
            raise InputError(
                "direction per_class",
                f"maps the classes that both sources have, but {why_no_shared_labels(table, pair)}",
                "Set stain.normalizers.<name>.direction to to_a",
            )
    return targets


def _larger_domain(in_class: pd.DataFrame, label: str, pair: Pair) -> Domain:
    counts = {domain: int((in_class["source"] == pair[domain]).sum()) for domain in DOMAINS}
    if not all(counts.values()):
        raise InputError(
            "config key stain.classes",
            f"lists {label}, but {pair['a' if not counts['a'] else 'b']} has no image of it",
            "Remove the class from the list, or add images",
        )
    return "a" if counts["b"] <= counts["a"] else "b"


def shared_classes(table: pd.DataFrame, pair: Pair) -> list[str]:
    """Classes of which both sources have images, sorted."""
    classes = [set(table.loc[table["source"] == pair[domain], "label"]) for domain in DOMAINS]
    return sorted(set.intersection(*classes) - {UNLABELLED})


def why_no_shared_labels(table: pd.DataFrame, pair: Pair) -> str | None:
    """Why images of the two sources cannot be compared class by class; None if they can."""
    for source in pair.values():
        labels = table.loc[table["source"] == source, "label"]
        if len(labels) and (labels == UNLABELLED).all():
            return f"{source} has no labels"
    return None if shared_classes(table, pair) else f"{pair['a']} and {pair['b']} have no class in common"


def comparable_images(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """The rows of images on which the stains of two sources can be compared: those of the classes that both have.

    If there is no such class, these are all images of both sources at their natural frequencies, with the label
    `classes.UNLABELLED`.
    """
    rows = table[table["source"].isin(list(pair.values()))]
    if why_no_shared_labels(rows, pair) is None:
        return rows[rows["label"].isin(shared_classes(rows, pair))]
    return rows.assign(label=UNLABELLED)
