"""What `audit.json` says of a balanced set: what it holds, that no test image leaked, what colour alone gives away."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import read_images, shortfalls
from hemabalance.balance.leaks import (
    COPY,
    ITSELF,
    LEARNED_FROM,
    AuditInputs,
    leaks_by_content,
    leaks_by_name,
    require_complete,
    require_none,
)
from hemabalance.dataset.splits import HELD_BACK, draws
from hemabalance.files import write_json
from hemabalance.metrics.shortcuts import colour_features, shortcuts

_NAMED = 20


@dataclass(frozen=True)
class AuditSettings:
    """How closely to look.

    Attributes:
        size: working size in pixels, at which images are compared and probed.
        hash_radius, min_correlation: what counts as the same photograph; see `dedup.find_copies`.
        audit_images: of each source (real or synthetic) that colours are probed on, at most.
        folds: of the probes' cross-validation.
    """

    size: int
    hash_radius: int
    min_correlation: float
    audit_images: int
    folds: int


def write_audit(
    audit_inputs: AuditInputs,
    makers: Mapping[str, str],
    target_per_class: int,
    settings: AuditSettings,
    path: Path,
    *,
    seed: int,
    threads: int,
) -> None:
    """Audit a balanced set and, only if it passes, write what was checked and found.

    Args:
        audit_inputs: the set and all that stands behind it.
        makers: class -> generator; see `balance.balance`.
        target_per_class: see `balance.BalanceSettings`.
        settings: how closely to look.
        path: JSON to write: `recipe, protocol`; `counts` (rows `label, source, origin, part, n`); `short`
            (`balance.shortfalls`); `seen` (of each list `kind, name, images, parts, test_images, copies`); `content`
            (what was compared, by what measure); `leaks` (`allowed, n, by` (rows `who, how, n`)`, first`), which under
            `thesis` are expected; `shortcuts` (`metrics.shortcuts.shortcuts` on training images).
        seed: of draws, folds and intervals.
        threads: images at once.

    Raises:
        InputError: a test image leaked under `leak_free`, or something is missing without which nothing is proved.
    """
    require_complete(audit_inputs)
    named = leaks_by_name(audit_inputs)
    alike, compared = leaks_by_content(
        audit_inputs, size=settings.size, hash_radius=settings.hash_radius, min_correlation=settings.min_correlation,
        threads=threads,
    )  # fmt: skip
    leaks = pd.concat([named, alike], ignore_index=True)
    require_none(audit_inputs, leaks)
    measure = {"hash_radius": settings.hash_radius, "min_correlation": settings.min_correlation, "size": settings.size}
    found = {
        "recipe": audit_inputs.recipe,
        "protocol": audit_inputs.protocol,
        "counts": _counts(audit_inputs.rows),
        "short": shortfalls(audit_inputs.rows, audit_inputs.protocol, makers, target_per_class),
        "seen": _seen(audit_inputs, named),
        "content": compared | measure,
        "leaks": _leaks(audit_inputs, leaks),
        "shortcuts": _shortcuts(audit_inputs, settings, seed=seed, threads=threads),
    }
    write_json(found, path)


def _counts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    keys = ["label", "source", "origin", "part"]
    counted = rows.groupby(keys).size().rename("n").reset_index()
    return [{**{key: str(row[key]) for key in keys}, "n": int(row["n"])} for row in counted.to_dict("records")]


def _seen(audit_inputs: AuditInputs, named: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a list, without the balanced set itself, whose numbers are the counts."""
    found = []
    for seen in audit_inputs.seen:
        mine = named.loc[named["who"] == str(seen), "how"]
        parts = {str(part): int(n) for part, n in seen.table["part"].value_counts().sort_index().items()}
        row = {"kind": seen.kind, "name": seen.name, "images": len(seen.table), "parts": parts}
        found.append({**row, "test_images": int((mine == ITSELF).sum()), "copies": int((mine == COPY).sum())})
    return found


def _leaks(audit_inputs: AuditInputs, leaks: pd.DataFrame) -> dict[str, Any]:
    by = leaks.groupby(["who", "how"]).size()
    return {
        "allowed": not HELD_BACK[audit_inputs.protocol],
        "audit_inputs": [*map(str, audit_inputs.seen), LEARNED_FROM],
        "n": len(leaks),
        "by": [{"who": who, "how": how, "n": int(n)} for (who, how), n in by.items()],
        "first": leaks[["who", "image_id", "test_id", "how"]].head(_NAMED).to_dict("records"),
    }


def _shortcuts(audit_inputs: AuditInputs, settings: AuditSettings, *, seed: int, threads: int) -> list[dict[str, Any]]:
    """What colour gives away of training images: the source of real ones, the origin and the class of all."""
    rows = audit_inputs.rows[audit_inputs.rows["part"] == "train"]
    rows = rows.assign(again=draws(rows["image_id"], seed=seed)).sort_values(["again", "image_id"])
    rows = rows.groupby("source").head(settings.audit_images).sort_values("image_id", ignore_index=True)
    features = colour_features(read_images(rows, audit_inputs.sets, settings.size, threads=threads))
    real = (rows["origin"] == "real").to_numpy()
    found = []
    for targets, where in ((["source"], real), (["origin", "label"], np.ones(len(rows), bool))):
        chosen = rows[where]
        row = {target: chosen[target].to_numpy(dtype=str) for target in targets}
        values = {name: of_each[where] for name, of_each in features.items()}
        found += shortcuts(values, row, chosen["group_id"].to_numpy(dtype=str), folds=settings.folds, seed=seed)
    return found
