"""Memorisation: share of generated images that copy a training image, compared with held-back real images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.intervals import wilson
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.training.job import Images

ALL = "all"

KINDS = ("generated", "held_back")

PAIRS = ("label", "kind", "image", "nearest_id", "pose", "distance", "copy")
"""Columns of the table of nearest pairs."""


def memorisation(
    generated: Mapping[str, np.ndarray],
    held_back: Images,
    copies: CopyDetector,
    classes: Sequence[str],
    *,
    max_images: int,
    seed: int,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Distance of images to the nearest real training image of their class, and the number of copies.

    Args:
        generated: class -> images, RGB uint8 (n, size, size, 3), accepted by the gate or not.
        held_back: real images that no training used, of any classes; other classes are ignored.
        copies: training images and copy thresholds of the gate.
        classes: all classes of the run in alphabetical order; the index of a class is part of its seed.
        max_images: number of images per class and kind to compare; a random subset of more images.
        seed: seed of the random subset.

    Returns:
        Rows for `all` and each class, per kind (`generated`, `held_back`): `label, kind, n, copies, share, low, high`
        (Wilson)`, median_distance` (LPIPS)`, threshold, hash_threshold` (None for `all`), `reason` for missing values.

        Pairs, closest first: `label, kind, image` (index in `generated[label]` or in `held_back`)`, nearest_id, pose`
        (of the image, index in `metrics.poses.poses`)`, distance` (LPIPS)`, copy`.
    """
    tables = []
    for label in sorted(generated):
        places = {"generated": np.arange(len(generated[label])), "held_back": np.flatnonzero(held_back.labels == label)}
        for kind, positions in places.items():
            rng = np.random.default_rng([seed, classes.index(label)])
            selected = np.sort(rng.permutation(positions)[:max_images])
            pixels = generated[label] if kind == "generated" else held_back.pixels
            tables.append(_pairs(label, kind, selected, pixels[selected], copies))
    pairs = pd.concat(tables or [_no_pairs()], ignore_index=True)
    rows = []
    for label in (ALL, *sorted(generated)):
        of_label = pairs if label == ALL else pairs[pairs["label"] == label]
        for kind in KINDS:
            rows.append({"label": label, "kind": kind} | _row(of_label, kind) | _thresholds(label, copies))
    return rows, pairs.sort_values(["distance", "label", "kind", "image"], ignore_index=True)


def memorisation_over(pairs: pd.DataFrame, classes: Sequence[str], copies: CopyDetector) -> list[dict[str, Any]]:
    """The rows for `all` of `memorisation`, if these were all generated classes, from the pairs that it returned."""
    pairs = pairs[pairs["label"].isin(classes)]
    return [{"label": ALL, "kind": kind} | _row(pairs, kind) | _thresholds(ALL, copies) for kind in KINDS]


def _no_pairs() -> pd.DataFrame:
    kinds = {"label": "str", "kind": "str", "image": "int64", "nearest_id": "str", "pose": "int64"}
    return pd.DataFrame(columns=list(PAIRS)).astype(kinds | {"distance": "float32", "copy": "bool"})


def _pairs(label: str, kind: str, places: np.ndarray, pixels: np.ndarray, copies: CopyDetector) -> pd.DataFrame:
    nearest, copy = copies.search(pixels, label)
    ids = pd.array(copies.ids[label][nearest.index], dtype="str")
    columns = (label, kind, places, ids, nearest.pose, nearest.lpips, copy)
    table = pd.DataFrame(dict(zip(PAIRS, columns, strict=True)))
    return table.astype({"label": "str", "kind": "str"})


def _row(pairs: pd.DataFrame, kind: str) -> dict[str, Any]:
    pairs = pairs[pairs["kind"] == kind]
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


def _thresholds(label: str, copies: CopyDetector) -> dict[str, Any]:
    threshold = copies.thresholds.get(label)
    return {"threshold": threshold and threshold.lpips, "hash_threshold": threshold and threshold.bits}
