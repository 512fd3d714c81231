"""Tables of balanced sets: what they hold, that no test image leaked, and what colour alone gives away."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.balance.balanced_set import PARTS
from hemabalance.balance.copies import FILE, PHOTOGRAPH, PIXELS
from hemabalance.balance.leaks import COPY, ITSELF, LEARNED_FROM, UNKNOWN
from hemabalance.dataset.imageset import ORIGINS
from hemabalance.report.cells import NO_REASON, interval, number
from hemabalance.taxonomy import CLASSES

Audit = Mapping[str, Any]
"""What `balance.audit.write_audit` wrote."""

_NAMED = {"test_images": (ITSELF,), "copies": (COPY,), "in_no_manifest": (UNKNOWN,)}
_ALIKE: dict[str, Sequence[str]] = {"test_images": (), "copies": (FILE, PIXELS, PHOTOGRAPH), "in_no_manifest": ()}
_TARGETS = {
    "source": "source of real images",
    "origin": "real or synthetic",
    "label": "class of all",
}


def read_audits(files: Sequence[Path]) -> list[Audit]:
    """Audits by their files."""
    return [json.loads(path.read_text("utf-8")) for path in files]


def balance_tables(audits: Sequence[Audit]) -> dict[str, pd.DataFrame]:
    """All tables of balanced sets.

    Args:
        audits: in the order of the rows.

    Returns:
        `counts`, `leaks`, `shortcuts`.
    """
    tables = {"counts": counts, "leaks": leaks, "shortcuts": shortcuts}
    return {name: pd.DataFrame([row for one in audits for row in rows(one)]) for name, rows in tables.items()}


def counted(audit: Audit) -> pd.DataFrame:
    """Images by class (rows, all twelve) and part and origin (columns)."""
    found = pd.DataFrame(audit["counts"], columns=["label", "source", "origin", "part", "n"])
    table = found.pivot_table("n", "label", ["part", "origin"], aggfunc="sum", fill_value=0)
    columns = pd.MultiIndex.from_product([PARTS, ORIGINS], names=["part", "origin"])
    return table.reindex(index=list(CLASSES), columns=columns, fill_value=0).astype(int)


def counts(audit: Audit) -> list[dict[str, Any]]:
    """Images of each class by part and origin, and how many training images it is short of the target."""
    table = counted(audit)
    short = {row["label"]: row["short"] for row in audit["short"]}
    head = _head(audit)
    rows = []
    for label in (*CLASSES, "all"):
        mine = table.sum() if label == "all" else table.loc[label]
        cells = {f"{part}_{origin}": int(mine[part, origin]) for part in PARTS for origin in ORIGINS}
        missing = sum(short.values()) if label == "all" else short.get(label, 0)
        rows.append(head | {"class": label} | cells | {"short_of_target": missing})
    return rows


def leaks(audit: Audit) -> list[dict[str, Any]]:
    """What everyone who had a hand in the set was given, and how many test images, or copies of one, were among it."""
    head, content = _head(audit), audit["content"]
    given = {f"{seen['kind']} {seen['name']}": seen["images"] for seen in audit["seen"]}
    rows = [
        head | {"who": who, "checked": "by name and manifest", "images": images} | _found(audit, who, _NAMED)
        for who, images in {**given, LEARNED_FROM: content["others"]}.items()
    ]
    measure = f"by content, each against {content['test']:,} test images"
    alike = {"who": LEARNED_FROM, "checked": measure, "images": content["others"]}
    return [*rows, head | alike | _found(audit, LEARNED_FROM, _ALIKE)]


def _found(audit: Audit, who: str, hows: Mapping[str, Sequence[str]]) -> dict[str, int]:
    by = [row for row in audit["leaks"]["by"] if row["who"] == who]
    return {column: sum(row["n"] for row in by if row["how"] in how) for column, how in hows.items()}


def shortcuts(audit: Audit) -> list[dict[str, Any]]:
    """How well a probe tells source, origin and class of training images from statistics of their colours."""
    head = _head(audit)
    return [
        head
        | {"told_from_colour": _TARGETS[row["target"]], "features": row["features"]}
        | interval({**row, "value": row["accuracy"]}, "value", "balanced_accuracy", 3)
        | {"chance": number(row["chance"], 3), "n": row["n"]}
        | {"classes_left_out": ", ".join(row["left_out"]) or "none", "reason": row["reason"] or NO_REASON}
        for row in audit["shortcuts"]
    ]


def _head(audit: Audit) -> dict[str, str]:
    return {"recipe": audit["recipe"], "protocol": audit["protocol"]}
