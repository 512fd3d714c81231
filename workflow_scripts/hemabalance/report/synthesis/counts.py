"""Tables of what the gate let pass, and of how near generated images come to those that were learned from."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.metrics.intervals import wilson
from hemabalance.report.cells import NO_REASON, interval, number
from hemabalance.report.synthesis.generator_results import ALL, GeneratorResult

REASONS = ("class", "manifold", "copy")
"""Why the gate refuses an image: another class, outside the real images, or a copy of one."""

KINDS = {"generated": "generated", "held_back": "real, held back"}


_LIMITS = ("copy_up_to_lpips", "copy_up_to_hash_bits")


def gate(generators: Sequence[GeneratorResult]) -> list[dict[str, Any]]:
    """How many draws of each class passed, and how many failed each test; an image may fail several."""
    rows = []
    for one in generators:
        classes = one.gate["classes"]
        counts = ("target", "drawn", "accepted", *REASONS, "short")
        total = {key: sum(found[key] for found in classes.values()) for key in counts} | {"note": ""}
        for label, found in [(ALL, total), *((label, classes[label]) for label in one.classes)]:
            rows.append(one.head | {"class": label} | _passed(found))
    return rows


def _passed(found: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"wanted": found["target"], "drawn": found["drawn"], "accepted": found["accepted"]}
    for column, key in (("accepted_share", "accepted"), *((f"failed_{reason}_share", reason) for reason in REASONS)):
        row |= interval(wilson(found[key], found["drawn"])._asdict(), "value", column, 3)
    return row | {"short_of_target": found["short"], "note": found["note"] or NO_REASON}


def memory(generators: Sequence[GeneratorResult]) -> list[dict[str, Any]]:
    """How many images count as copies of a training image, beside real images that no training saw."""
    return [
        one.head | {"class": row["label"], "images": KINDS[row["kind"]]} | _copied(row)
        for one in generators
        for label in (ALL, *one.classes)
        for row in one.metrics["memorisation"]
        if row["label"] == label
    ]


def _copied(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"n": row["n"], "copies": row["copies"]}
    cells |= interval(row, "share", "share", 3) | {"median_lpips": number(row["median_distance"], 4)}
    if row["label"] == ALL:
        limits = dict.fromkeys(_LIMITS, "by class")
    else:
        bits = row["hash_threshold"]
        limits = dict(zip(_LIMITS, (number(row["threshold"], 4), bits if bits >= 0 else "none"), strict=True))
    return cells | limits | {"reason": row["reason"] or NO_REASON}
