"""Does a generator give back what it was trained on? Held-back real images say how often that happens by chance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.intervals import wilson
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.taxonomy import CLASSES
from hemabalance.training.job import Images

ALL = "all"

PAIRS = ("label", "kind", "image", "nearest_id", "pose", "distance", "copy")
"""Columns of the table of pairs."""


def memorisation(
    generated: Mapping[str, np.ndarray], held_back: Images, copies: CopyDetector, *, most: int, seed: int
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """How near images come to real training images of their class, and how many of them are copies.

    Args:
        generated: class -> images, RGB uint8 (n, size, size, 3), whether they passed the gate or not.
        held_back: real images that no training saw, of any classes; those of other classes are left aside.
        copies: the training images, and what the gate calls a copy of one.
        most: images of each kind in a class that are looked at; of more, a random draw.
        seed: of that draw.

    Returns:
        Rows, of each class and of `all` together, once a kind (`generated`, `held_back`): `label, kind, n, copies,
        share, low, high` (Wilson)`, median_distance` (LPIPS)`, threshold, hash_threshold` (None for `all`), `reason`
        where there is no value.

        Pairs, closest first: `label, kind, image` (place among the images given, in `held_back` for its own)`,
        nearest_id, pose` (of the image, a place in `metrics.poses.poses`)`, distance` (LPIPS)`, copy`.
    """
    tables = []
    for label in sorted(generated):
        places = {"generated": np.arange(len(generated[label])), "held_back": np.flatnonzero(held_back.labels == label)}
        for kind, those in places.items():
            rng = np.random.default_rng([seed, CLASSES.index(label)])
            chosen = np.sort(rng.permutation(those)[:most])
            pixels = generated[label] if kind == "generated" else held_back.pixels
            tables.append(_pairs(label, kind, chosen, pixels[chosen], copies))
    pairs = pd.concat(tables, ignore_index=True)
    rows = []
    for label in (ALL, *sorted(generated)):
        for kind in ("generated", "held_back"):
            mine = pairs[(pairs["kind"] == kind) & ((pairs["label"] == label) | (label == ALL))]
            rows.append({"label": label, "kind": kind} | _row(mine) | _limits(label, copies))
    return rows, pairs.sort_values(["distance", "label", "kind", "image"], ignore_index=True)


def _pairs(label: str, kind: str, places: np.ndarray, pixels: np.ndarray, copies: CopyDetector) -> pd.DataFrame:
    found, copy = copies.search(pixels, label)
    ids = pd.array(copies.ids[label][found.index], dtype="str")
    columns = (label, kind, places, ids, found.pose, found.lpips, copy)
    table = pd.DataFrame(dict(zip(PAIRS, columns, strict=True)))
    return table.astype({"label": "str", "kind": "str"})


def _row(pairs: pd.DataFrame) -> dict[str, Any]:
    n, copies = len(pairs), int(pairs["copy"].sum())
    rate = wilson(copies, n)
    return {
        "n": n,
        "copies": copies,
        "share": rate.value,
        "low": rate.low,
        "high": rate.high,
        "median_distance": float(pairs["distance"].median()) if n else None,
        "reason": None if n else "there are no such images",
    }


def _limits(label: str, copies: CopyDetector) -> dict[str, Any]:
    limit = copies.thresholds.get(label)
    return {"threshold": limit and limit.lpips, "hash_threshold": limit and limit.bits}
