"""Tables of the gate, and of copies of training images among generated images."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.metrics.intervals import wilson
from hemabalance.report.cells import NO_REASON, interval_cells, number
from hemabalance.report.synthesis.generator_results import ALL, GeneratorResult

REASONS = ("class", "manifold", "copy")
"""Tests of the gate that an image may fail: class, manifold of real images, and copy of a real image."""

KINDS = {"generated": "generated", "held_back": "real, held back"}
"""Kind of images in `metrics.json` -> cell text."""

_LIMITS = ("copy_up_to_lpips", "copy_up_to_hash_bits")


def gate(generators: Sequence[GeneratorResult]) -> list[dict[str, Any]]:
    """Rows of how many draws of each class were accepted, and how many failed each test; a draw may fail several."""
    rows = []
    for result in generators:
        classes = {label: result.gate["classes"][label] for label in result.classes}
        counts = ("target", "drawn", "accepted", *REASONS, "short")
        total = {key: sum(class_gate[key] for class_gate in classes.values()) for key in counts} | {"note": ""}
        for label, class_gate in [(ALL, total), *(() if result.role else classes.items())]:
            rows.append(result.key_cells | {"class": label} | _passed(class_gate))
    return rows


def _passed(class_gate: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "wanted": class_gate["target"],
        "drawn": class_gate["drawn"],
        "accepted": class_gate["accepted"],
    }
    for column, key in (("accepted_share", "accepted"), *((f"failed_{reason}_share", reason) for reason in REASONS)):
        row |= interval_cells(wilson(class_gate[key], class_gate["drawn"])._asdict(), "value", column, 3)
    return row | {"short_of_target": class_gate["short"], "note": class_gate["note"] or NO_REASON}


def memory(generators: Sequence[GeneratorResult]) -> list[dict[str, Any]]:
    """Rows of how many generated images are copies of a training image, and how many held-back real images are."""
    return [
        result.key_cells | {"class": row["label"], "images": KINDS[row["kind"]]} | _copied(row)
        for result in generators
        for label in (ALL, *result.classes)
        for row in result.tables["memorisation"]
        if row["label"] == label
    ]


def _copied(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"n": row["n"], "copies": row["copies"]}
    cells |= interval_cells(row, "share", "share", 3) | {"median_lpips": number(row["median_distance"], 4)}
    if row["label"] == ALL:
        limits = dict.fromkeys(_LIMITS, "by class")
    else:
        bits = row["hash_threshold"]
        limits = dict(zip(_LIMITS, (number(row["threshold"], 4), bits if bits >= 0 else "none"), strict=True))
    return cells | limits | {"reason": row["reason"] or NO_REASON}
