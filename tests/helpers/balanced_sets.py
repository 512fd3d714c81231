"""A small run up to the balanced set: real images of both sources, a split, two generators, and what each was given."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.photographs import manifest_from_rows, photograph
from hemabalance.balance.audit import AuditSettings, write_audit
from hemabalance.balance.balanced_set import BalanceSettings, balance, candidates
from hemabalance.balance.leaks import AuditInputs
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.seen_images import SCHEMA, Kind, SeenImages
from hemabalance.dataset.splits import draws
from hemabalance.protocols import Protocol
from hemabalance.report.balance.tables import read_audits

STORED, SIZE, SEED = 48, 24, 7
COUNTS = {  # source, folder, class -> images
    ("mendeley", "basophil", "basophil"): 15,
    ("mendeley", "monocyte", "monocyte"): 40,
    ("tcia", "BAS", "basophil"): 10,
    ("tcia", "PMO", "promyelocyte"): 5,
}
GENERATED = 20  # of each class that a generator serves, every second of them accepted
GENERATORS = {"rich": ("basophil", "monocyte"), "rare": ("promyelocyte",)}
MAKERS = {"basophil": "rich", "monocyte": "rich", "promyelocyte": "rare"}
TARGET = BalanceSettings(target_per_class=20, above="keep", test_share=0.3, validation_share=0.1)
AUDIT = AuditSettings(size=SIZE, hash_radius=12, min_correlation=0.92, audit_images=40, folds=2)


@dataclass(frozen=True)
class BalanceRun:
    """All that a balanced set is made of."""

    folder: Path
    manifest: pd.DataFrame
    split: pd.DataFrame
    sets: Mapping[str, ImageSet]
    gates: Mapping[str, pd.DataFrame]


def run(folder: Path, protocol: Protocol = "leak_free", pictures: Mapping[str, np.ndarray] | None = None) -> BalanceRun:
    """The run; of `pictures`, image id -> pixels, those that are to differ from the usual ones.

    A test image is each fifth of its source and class, a validation image each that follows one.
    """
    rows = [
        {"image_id": f"{source}/{code}/{k:02}", "label": label}
        for (source, code, label), n in COUNTS.items()
        for k in range(n)
    ]
    manifest = manifest_from_rows(rows)
    split = manifest[["image_id", "source", "label", "group_id"]].sort_values("image_id", ignore_index=True)
    split = split.assign(draw=draws(split["group_id"], seed=SEED), part="pool")
    if protocol == "leak_free":
        place = split["image_id"].str[-2:].astype(int) % 5
        split["part"] = place.map({0: "test", 1: "validation"}).fillna("train")
    sets = {"real": _real(folder, split, pictures or {})}
    sets |= {name: _generated(folder, name, classes, pictures or {}) for name, classes in GENERATORS.items()}
    gates = {
        name: sets[name].index[["image_id"]].assign(accepted=np.arange(len(sets[name])) % 2 == 0) for name in GENERATORS
    }
    return BalanceRun(folder, manifest, split, sets, gates)


def _real(folder: Path, split: pd.DataFrame, pictures: Mapping[str, np.ndarray]) -> ImageSet:
    """Images of tcia have passed through the normaliser `stain`."""
    notes = [json.dumps({"stain": "a"} | ({"normalizer": "stain"} if s == "tcia" else {})) for s in split["source"]]
    rows = split[["image_id", "label", "source"]].assign(origin="real", provenance=notes)
    usual = (photograph(seed, STORED) for seed in range(len(rows)))
    return written(folder, "real", rows, [pictures.get(i, p) for i, p in zip(rows["image_id"], usual, strict=True)])


def _generated(folder: Path, name: str, classes: Sequence[str], pictures: Mapping[str, np.ndarray]) -> ImageSet:
    keys = [(f"{label}-{index:010d}", label, index) for label in classes for index in range(GENERATED)]
    rows = pd.DataFrame(keys, columns=["image_id", "label", "index"])
    notes = [json.dumps({"generator": name, "class": label, "index": index}) for _, label, index in keys]
    rows = rows.drop(columns="index").assign(source="synthetic", origin="synthetic", provenance=notes)
    start = 1000 * (1 + list(GENERATORS).index(name))
    usual = (photograph(seed, SIZE) for seed in range(start, start + len(rows)))
    return written(folder, name, rows, [pictures.get(i, p) for i, p in zip(rows["image_id"], usual, strict=True)])


def written(folder: Path, name: str, rows: pd.DataFrame, pictures: Sequence[np.ndarray]) -> ImageSet:
    folder.mkdir(exist_ok=True)
    paths = folder / f"{name}.zip", folder / f"{name}.parquet"
    write_image_set(*paths, rows.astype("str"), pictures, threads=1)
    return ImageSet(*paths)


def balanced(
    made: BalanceRun,
    protocol: Protocol = "leak_free",
    *,
    gated: bool = True,
    makers: Mapping[str, str] = MAKERS,
    **changed: Any,
) -> pd.DataFrame:
    drawn = {name: candidates(made.sets[name].index, made.gates[name] if gated else None) for name in GENERATORS}
    settings = replace(TARGET, **changed)
    return balance(made.split, made.sets["real"].index, protocol, makers, drawn, settings, seed=SEED)


def seen(made: BalanceRun, kind: Kind, name: str, *more: str) -> SeenImages:
    """A list of all visible images of the run, and of `more`."""
    visible = made.split["part"].isin(("train", "pool"))
    table = made.split[visible | made.split["image_id"].isin(more)]
    return SeenImages(kind, name, SCHEMA.validate(table[list(SCHEMA.columns)].astype("str")))


def lists(made: BalanceRun) -> list[SeenImages]:
    """Who was given what, as it should be; `rare` had `rich` for a teacher."""
    named: list[tuple[Kind, str]] = [
        ("normalizer", "stain"), ("generator", "rich"), ("generator", "rare"), ("teacher", "rich"),
        ("judge", "stain"), ("gate", "rich"), ("gate", "rare"),
    ]  # fmt: skip
    return [seen(made, kind, name) for kind, name in named]


def audit_inputs(made: BalanceRun, protocol: Protocol = "leak_free", **changed: Any) -> AuditInputs:
    given = {
        "recipe": "mine",
        "protocol": protocol,
        "rows": changed.pop("rows") if "rows" in changed else balanced(made, protocol),
        "split": made.split,
        "manifest": made.manifest,
        "seen": lists(made),
        "teachers": {"rare": "rich"},
        "gated": True,
        "sets": made.sets,
    }
    return AuditInputs(**{**given, **changed})


def run_audit(given: AuditInputs, **changed: Any) -> dict[str, Any]:
    """What `audit.json` says; the file is not there after an error."""
    path = Path(str(given.sets["real"].path.parent)) / "audit.json"
    path.unlink(missing_ok=True)
    try:
        write_audit(given, MAKERS, TARGET.target_per_class, replace(AUDIT, **changed), path, seed=SEED, threads=1)
    except Exception:
        assert not path.exists()
        raise
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def audits(folder: Path) -> list[Any]:
    """What is found of two sets, one under each protocol, as files give it back."""
    made, pooled = run(folder / "1"), run(folder / "2", "thesis")
    found = [run_audit(audit_inputs(made)), run_audit(audit_inputs(pooled, "thesis"))]
    for place, one in enumerate(found):
        (folder / f"{place}.json").write_text(json.dumps(one))
    return read_audits([folder / "0.json", folder / "1.json"])
