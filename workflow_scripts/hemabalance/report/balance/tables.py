"""Tables of balanced sets: numbers of images, test images seen in training, and shortcut probes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.balance.balanced_set import PARTS
from hemabalance.balance.copies import FILE, PHOTOGRAPH, PIXELS
from hemabalance.balance.leaks import COPY, ITSELF, LEARNED_FROM, UNKNOWN
from hemabalance.dataset.imageset import ORIGINS
from hemabalance.report.cells import NO_REASON, interval_cells, number

Audit = Mapping[str, Any]
"""Content of a file written by `balance.audit.write_audit`."""

_BY_NAME = {"test_images": (ITSELF,), "copies": (COPY,), "in_no_manifest": (UNKNOWN,)}
_BY_CONTENT: dict[str, Sequence[str]] = {"test_images": (), "copies": (FILE, PIXELS, PHOTOGRAPH), "in_no_manifest": ()}
_TARGETS = {
    "source": "source of real images",
    "origin": "real or synthetic",
    "label": "class of all",
}


def read_audits(files: Sequence[Path]) -> list[Audit]:
    """Read audits from their JSON files."""
    return [json.loads(path.read_text("utf-8")) for path in files]


def balance_tables(audits: Sequence[Audit]) -> dict[str, pd.DataFrame]:
    """All tables of balanced sets.

    Args:
        audits: audits of the sets, in the order of the rows.

    Returns:
        `counts`, `leaks`, `shortcuts`.
    """
    tables = {"counts": counts, "leaks": leaks, "shortcuts": shortcuts}
    return {name: pd.DataFrame([row for audit in audits for row in rows(audit)]) for name, rows in tables.items()}


def class_counts(audit: Audit) -> pd.DataFrame:
    """Numbers of images by class (rows, all classes of the run) and by part and origin (columns)."""
    count_rows = pd.DataFrame(audit["counts"], columns=["label", "source", "origin", "part", "n"])
    table = count_rows.pivot_table("n", "label", ["part", "origin"], aggfunc="sum", fill_value=0)
    columns = pd.MultiIndex.from_product([PARTS, ORIGINS], names=["part", "origin"])
    return table.reindex(index=audit["classes"], columns=columns, fill_value=0).astype(int)


def counts(audit: Audit) -> list[dict[str, Any]]:
    """Rows of the numbers of images of each class by part and origin, and of training images short of the target."""
    table = class_counts(audit)
    short = {row["label"]: row["short"] for row in audit["short"]}
    key_cells = _key_cells(audit)
    rows = []
    for label in (*table.index, "all"):
        totals = table.sum() if label == "all" else table.loc[label]
        cells = {f"{part}_{origin}": int(totals[part, origin]) for part in PARTS for origin in ORIGINS}
        shortage = sum(short.values()) if label == "all" else short.get(label, 0)
        rows.append(key_cells | {"class": label} | cells | {"short_of_target": shortage})
    return rows


def leaks(audit: Audit) -> list[dict[str, Any]]:
    """Rows of the images that normalisers, generators and judges learned from, and the test images among them.

    The last row compares what classifiers learn from with the test images by content.
    """
    key_cells, content = _key_cells(audit), audit["content"]
    images_seen = {f"{seen['kind']} {seen['name']}": seen["images"] for seen in audit["seen"]}
    rows = [
        key_cells
        | {"who": learner, "checked": "by name and manifest", "images": images}
        | _match_counts(audit, learner, _BY_NAME)
        for learner, images in {**images_seen, LEARNED_FROM: content["others"]}.items()
    ]
    check = f"by content, each against {content['test']:,} test images"
    content_cells = {"who": LEARNED_FROM, "checked": check, "images": content["others"]}
    return [*rows, key_cells | content_cells | _match_counts(audit, LEARNED_FROM, _BY_CONTENT)]


def _match_counts(audit: Audit, learner: str, columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Numbers of test images seen by a learner; `columns` maps a column to the kinds of match that it counts."""
    rows = [row for row in audit["leaks"]["by"] if row["who"] == learner]
    return {column: sum(row["n"] for row in rows if row["how"] in kinds) for column, kinds in columns.items()}


def shortcuts(audit: Audit) -> list[dict[str, Any]]:
    """Rows of how well a probe predicts source, origin and class of training images from colour statistics."""
    key_cells = _key_cells(audit)
    return [
        key_cells
        | {"told_from_colour": _TARGETS[row["target"]], "features": row["features"]}
        | interval_cells({**row, "value": row["accuracy"]}, "value", "balanced_accuracy", 3)
        | {"chance": number(row["chance"], 3), "n": row["n"]}
        | {"classes_left_out": ", ".join(row["left_out"]) or "none", "reason": row["reason"] or NO_REASON}
        for row in audit["shortcuts"]
    ]


def _key_cells(audit: Audit) -> dict[str, str]:
    return {"recipe": audit["recipe"], "protocol": audit["protocol"]}
