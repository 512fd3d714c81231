"""A small run up to the balanced set: real images of both sources, a split, two generators, lists of seen images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.photographs import manifest_from_rows, photograph
from helpers.thesis import CLASSES
from hemabalance.balance.audit import AuditSettings, write_audit
from hemabalance.balance.balanced_set import BalanceSettings, accepted_images, balance
from hemabalance.balance.leaks import AuditInputs
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.scarcity import scarce_split
from hemabalance.dataset.seen_images import SCHEMA, Kind, SeenImages
from hemabalance.dataset.splits import WITHHELD, draws
from hemabalance.protocols import Protocol, rules_of, scarce_protocol
from hemabalance.report.balance.tables import read_audits

STORED, SIZE, SEED = 48, 24, 7
SCARCE = scarce_protocol(3, 1)
COUNTS = {  # source, folder, class -> images
    ("mendeley", "basophil", "basophil"): 15,
    ("mendeley", "monocyte", "monocyte"): 40,
    ("tcia", "BAS", "basophil"): 10,
    ("tcia", "PMO", "promyelocyte"): 5,
}
GENERATED = 20  # images of each class that a generator serves; the gate accepts every second
GENERATORS = {"rich": ("basophil", "monocyte"), "rare": ("promyelocyte",)}
GENERATOR_OF_CLASS = {"basophil": "rich", "monocyte": "rich", "promyelocyte": "rare"}
TARGET = BalanceSettings(target_per_class=20, above="keep", test_share=0.3, validation_share=0.1)
AUDIT = AuditSettings(size=SIZE, hash_radius=12, min_correlation=0.92, audit_images=40, folds=2)


@dataclass(frozen=True)
class BalanceRun:
    """The inputs of a balanced set."""

    folder: Path
    manifest: pd.DataFrame
    split: pd.DataFrame
    sets: Mapping[str, ImageSet]
    gates: Mapping[str, pd.DataFrame]


def build_balance_run(
    folder: Path, protocol: Protocol = "leak_free", replaced: Mapping[str, np.ndarray] | None = None
) -> BalanceRun:
    """A run; `replaced` (image id -> pixels) replaces pixels of single images.

    Every fifth image of a source and class is a test image, the one after it a validation image.
    """
    rows = [
        {"image_id": f"{source}/{code}/{k:02}", "label": label}
        for (source, code, label), n in COUNTS.items()
        for k in range(n)
    ]
    manifest = manifest_from_rows(rows)
    split = manifest[["image_id", "source", "label", "group_id"]].sort_values("image_id", ignore_index=True)
    split = split.assign(draw=draws(split["group_id"], seed=SEED), part="pool")
    if rules_of(protocol) == "leak_free":
        place = split["image_id"].str[-2:].astype(int) % 5
        split["part"] = place.map({0: "test", 1: "validation"}).fillna("train")
    if protocol == SCARCE:
        split = scarce_split(split, ["monocyte"], n=3, draw=1, seed=SEED, rare=())
    sets = {"real": _real(folder, split, replaced or {})}
    sets |= {name: _generated(folder, name, classes, replaced or {}) for name, classes in GENERATORS.items()}
    gates = {
        name: sets[name].index[["image_id"]].assign(accepted=np.arange(len(sets[name])) % 2 == 0) for name in GENERATORS
    }
    return BalanceRun(folder, manifest, split, sets, gates)


def _real(folder: Path, split: pd.DataFrame, replaced: Mapping[str, np.ndarray]) -> ImageSet:
    """Real images; those of tcia are normalised by `stain`."""
    notes = [json.dumps({"stain": "a"} | ({"normalizer": "stain"} if s == "tcia" else {})) for s in split["source"]]
    rows = split[["image_id", "label", "source"]].assign(origin="real", provenance=notes)
    default = (photograph(seed, STORED) for seed in range(len(rows)))
    return write_set(folder, "real", rows, [replaced.get(i, p) for i, p in zip(rows["image_id"], default, strict=True)])


def _generated(folder: Path, name: str, classes: Sequence[str], replaced: Mapping[str, np.ndarray]) -> ImageSet:
    keys = [(f"{label}-{index:010d}", label, index) for label in classes for index in range(GENERATED)]
    rows = pd.DataFrame(keys, columns=["image_id", "label", "index"])
    notes = [json.dumps({"generator": name, "class": label, "index": index}) for _, label, index in keys]
    rows = rows.drop(columns="index").assign(source="synthetic", origin="synthetic", provenance=notes)
    start = 1000 * (1 + list(GENERATORS).index(name))
    default = (photograph(seed, SIZE) for seed in range(start, start + len(rows)))
    return write_set(folder, name, rows, [replaced.get(i, p) for i, p in zip(rows["image_id"], default, strict=True)])


def write_set(folder: Path, name: str, rows: pd.DataFrame, images: Sequence[np.ndarray]) -> ImageSet:
    folder.mkdir(exist_ok=True)
    paths = folder / f"{name}.zip", folder / f"{name}.parquet"
    write_image_set(*paths, rows.astype("str"), images, threads=1)
    return ImageSet(*paths)


def build_balanced(
    balance_run: BalanceRun,
    protocol: Protocol = "leak_free",
    *,
    gated: bool = True,
    generators: Mapping[str, str] = GENERATOR_OF_CLASS,
    **changed: Any,
) -> pd.DataFrame:
    generated = {
        name: accepted_images(balance_run.sets[name].index, balance_run.gates[name] if gated else None)
        for name in GENERATORS
    }
    settings, real = replace(TARGET, **changed), balance_run.sets["real"].index
    return balance(balance_run.split, real, protocol, generators, generated, settings, seed=SEED)


def seen_images(balance_run: BalanceRun, kind: Kind, name: str, *more: str) -> SeenImages:
    """A list of all visible images of the run, and of the images `more`."""
    parts = set(balance_run.split["part"])
    protocol = "thesis" if "pool" in parts else SCARCE if WITHHELD in parts else "leak_free"
    visible = balance_run.split["part"].isin(("train", "pool"))
    table = balance_run.split[visible | balance_run.split["image_id"].isin(more)].assign(protocol=protocol)
    return SeenImages(kind, name, SCHEMA.validate(table[list(SCHEMA.columns)].astype("str")))


def seen_image_lists(balance_run: BalanceRun) -> list[SeenImages]:
    """Correct and complete lists; `rich` is the teacher of `rare`."""
    names: list[tuple[Kind, str]] = [
        ("normalizer", "stain"), ("generator", "rich"), ("generator", "rare"), ("teacher", "rich"),
        ("judge", "stain"), ("gate", "rich"), ("gate", "rare"),
    ]  # fmt: skip
    return [seen_images(balance_run, kind, name) for kind, name in names]


def audit_inputs(balance_run: BalanceRun, protocol: Protocol = "leak_free", **changed: Any) -> AuditInputs:
    fields = {
        "recipe": "mine",
        "protocol": protocol,
        "rows": changed.pop("rows") if "rows" in changed else build_balanced(balance_run, protocol),
        "split": balance_run.split,
        "classes": CLASSES,
        "manifest": balance_run.manifest,
        "seen_images": seen_image_lists(balance_run),
        "teachers": {"rare": "rich"},
        "gated": True,
        "sets": balance_run.sets,
    }
    return AuditInputs(**{**fields, **changed})


def run_audit(inputs: AuditInputs, **changed: Any) -> dict[str, Any]:
    """The content of `audit.json`; a failed audit must write no file."""
    path = Path(str(inputs.sets["real"].path.parent)) / "audit.json"
    path.unlink(missing_ok=True)
    settings = replace(AUDIT, **changed)
    try:
        write_audit(inputs, GENERATOR_OF_CLASS, TARGET.target_per_class, settings, path, seed=SEED, threads=1)
    except Exception:
        assert not path.exists()
        raise
    audit: dict[str, Any] = json.loads(path.read_text())
    return audit


def audits(folder: Path) -> list[Any]:
    """The audits of two sets, one per protocol, as read from their files."""
    leak_free, pooled = build_balance_run(folder / "1"), build_balance_run(folder / "2", "thesis")
    contents = [run_audit(audit_inputs(leak_free)), run_audit(audit_inputs(pooled, "thesis"))]
    for number, content in enumerate(contents):
        (folder / f"{number}.json").write_text(json.dumps(content))
    return read_audits([folder / "0.json", folder / "1.json"])
