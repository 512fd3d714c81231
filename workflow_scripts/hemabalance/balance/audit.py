"""The audit of a balanced set (`audit.json`): its counts, the check for leaked test images, and colour shortcuts."""

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
from hemabalance.protocols import rules_of

_MAX_LISTED = 20


@dataclass(frozen=True)
class AuditSettings:
    """Thresholds and sample sizes of the audit.

    Attributes:
        size: working size in pixels, at which images are compared and probed.
        hash_radius, min_correlation: thresholds for copies of a photograph; see `dedup.find_copies`.
        audit_images: maximum number of images of each source (real or synthetic) for the colour probes.
        folds: number of cross-validation folds of the colour probes.
    """

    size: int
    hash_radius: int
    min_correlation: float
    audit_images: int
    folds: int


def write_audit(
    audit_inputs: AuditInputs,
    generators: Mapping[str, str],
    target_per_class: int,
    settings: AuditSettings,
    path: Path,
    *,
    seed: int,
    threads: int,
) -> None:
    """Audit a balanced set and write the result; nothing is written if the audit fails.

    The JSON has the keys

    - `recipe`, `protocol`, and `classes`, all classes of the run in alphabetical order;
    - `counts`: rows `label, source, origin, part, n`;
    - `short`: classes below the target (`balanced_set.shortfalls`);
    - `seen`: one row per list of real images that a training or gate used: `kind, name, images, parts, test_images,
      copies`;
    - `content`: how many images were compared by content, and the thresholds;
    - `leaks`: `allowed` (true under `thesis`, where leaks are expected), `lists` (the lists that were checked), `n`,
      `by` (rows `who, how, n`) and `first` (the first 20 leaks);
    - `shortcuts`: how well colour alone predicts source, origin and class of training images
      (`metrics.shortcuts.shortcuts`).

    Args:
        audit_inputs: the balanced set and the data that it was built from.
        generators: class -> generator; see `balanced_set.balance`.
        target_per_class: see `balanced_set.BalanceSettings`.
        settings: thresholds and sample sizes.
        path: JSON to write.
        seed: seed of the choice of probed images, the folds and the intervals.
        threads: images that are processed at once.

    Raises:
        InputError: a test or withheld image leaked under the rules of `leak_free`, or a list that the proof needs is
            missing.
    """
    require_complete(audit_inputs)
    name_leaks = leaks_by_name(audit_inputs)
    content_leaks, compared = leaks_by_content(
        audit_inputs, size=settings.size, hash_radius=settings.hash_radius, min_correlation=settings.min_correlation,
        threads=threads,
    )  # fmt: skip
    leaks = pd.concat([name_leaks, content_leaks], ignore_index=True)
    require_none(audit_inputs, leaks)
    thresholds = {
        "hash_radius": settings.hash_radius,
        "min_correlation": settings.min_correlation,
        "size": settings.size,
    }
    content = {
        "recipe": audit_inputs.recipe,
        "protocol": audit_inputs.protocol,
        "classes": list(audit_inputs.classes),
        "counts": _counts(audit_inputs.rows),
        "short": shortfalls(
            audit_inputs.rows, audit_inputs.protocol, audit_inputs.classes, generators, target_per_class
        ),
        "seen": _seen_images(audit_inputs, name_leaks),
        "content": compared | thresholds,
        "leaks": _leaks(audit_inputs, leaks),
        "shortcuts": _shortcuts(audit_inputs, settings, seed=seed, threads=threads),
    }
    write_json(content, path)


def _counts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    keys = ["label", "source", "origin", "part"]
    counted = rows.groupby(keys).size().rename("n").reset_index()
    return [{**{key: str(row[key]) for key in keys}, "n": int(row["n"])} for row in counted.to_dict("records")]


def _seen_images(audit_inputs: AuditInputs, name_leaks: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per list of seen images; the balanced set itself is not among them, its numbers are in `counts`."""
    rows = []
    for seen in audit_inputs.seen_images:
        how = name_leaks.loc[name_leaks["who"] == str(seen), "how"]
        parts = {str(part): int(n) for part, n in seen.table["part"].value_counts().sort_index().items()}
        row = {"kind": seen.kind, "name": seen.name, "images": len(seen.table), "parts": parts}
        rows.append({**row, "test_images": int((how == ITSELF).sum()), "copies": int((how == COPY).sum())})
    return rows


def _leaks(audit_inputs: AuditInputs, leaks: pd.DataFrame) -> dict[str, Any]:
    by = leaks.groupby(["who", "how"]).size()
    return {
        "allowed": not HELD_BACK[rules_of(audit_inputs.protocol)],
        "lists": [*map(str, audit_inputs.seen_images), LEARNED_FROM],
        "n": len(leaks),
        "by": [{"who": who, "how": how, "n": int(n)} for (who, how), n in by.items()],
        "first": leaks[["who", "image_id", "test_id", "how"]].head(_MAX_LISTED).to_dict("records"),
    }


def _shortcuts(audit_inputs: AuditInputs, settings: AuditSettings, *, seed: int, threads: int) -> list[dict[str, Any]]:
    """Colour probes of training images: source (real images only), origin and class (all images)."""
    rows = audit_inputs.rows[audit_inputs.rows["part"] == "train"]
    rows = rows.assign(number=draws(rows["image_id"], seed=seed)).sort_values(["number", "image_id"])
    rows = rows.groupby("source").head(settings.audit_images).sort_values("image_id", ignore_index=True)
    features = colour_features(read_images(rows, audit_inputs.sets, settings.size, threads=threads))
    real = (rows["origin"] == "real").to_numpy()
    results = []
    for targets, selected in ((["source"], real), (["origin", "label"], np.ones(len(rows), bool))):
        probed = rows[selected]
        labels = {target: probed[target].to_numpy(dtype=str) for target in targets}
        values = {name: feature[selected] for name, feature in features.items()}
        groups = probed["group_id"].to_numpy(dtype=str)
        results += shortcuts(values, labels, groups, folds=settings.folds, seed=seed)
    return results
