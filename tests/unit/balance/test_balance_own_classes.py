"""Balanced sets of a laboratory with classes of its own: every recipe, with or without classes of a role."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as parquet
import pytest

from helpers.own_laboratory import CLASSES, SIZE, Laboratory, build_laboratory, config_of, open_set, run_generator
from hemabalance.balance.audit import AuditSettings
from hemabalance.balance.balanced_set import BalanceSettings, read_balanced
from hemabalance.balance.build import BalanceInputs, BalanceRecipe, build_balanced
from hemabalance.balance.export import export_parquet
from hemabalance.classes import UNLABELLED
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.report.balance.figure import balance_figure
from hemabalance.report.balance.tables import balance_tables, read_audits

COUNTS = {"blast": 28, "hairy_cell": 9, "mott_cell": 28}  # no image of sezary_cell
ROLES = {
    "mixed": RolesConfig(rare_below=20, rich_from=20),
    "rare": RolesConfig(),
    "rich": RolesConfig(rare_below=1, rich_from=1),
    "enough": RolesConfig(rare_below=1, enough_from=1),
}
AUDIT = AuditSettings(size=SIZE, hash_radius=0, min_correlation=0.999, audit_images=40, folds=2)
BALANCE = BalanceSettings(target_per_class=20, above="keep", test_share=0.25, validation_share=0.1)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return build_laboratory(tmp_path_factory.mktemp("laboratory"), COUNTS)


def balanced(laboratory: Laboratory, name: str, folder: Path, *, synthetic: bool) -> tuple[pd.DataFrame, Any]:
    """A balanced set and its audit, as the rule makes them; `synthetic`: with generators and their gate."""
    split, roles = laboratory.source.split, ROLES[name]
    entries = {"mine": config_of("cwgan_gp", "rich"), "few": config_of("figr", "rare")} if synthetic else {}
    folders = {key: run_generator(laboratory, f"{name}_{key}", entry, roles) for key, entry in entries.items()}
    seen = [read_seen_images("generator", key, path / "seen.parquet") for key, path in folders.items()]
    seen += [read_seen_images("gate", key, path / "gate_seen.parquet") for key, path in folders.items()]
    seen.append(read_seen_images("judge", "none", laboratory.folder / "judge_seen.parquet"))
    recipe = BalanceRecipe(
        name=name, protocol="leak_free", rich="mine" if synthetic else None, rare="few" if synthetic else None,
        gated=True, teachers={}, roles=roles, classes=CLASSES,
    )  # fmt: skip
    inputs = BalanceInputs(
        sets={"real": laboratory.source.images, **{key: open_set(path, "images") for key, path in folders.items()}},
        gates={key: path / "gate.parquet" for key, path in folders.items()},
        seen_images=seen, split=split, manifest=split[["image_id", "group_id"]],
    )  # fmt: skip
    table, audit = folder / "images.parquet", folder / "audit.json"
    build_balanced(recipe, inputs, BALANCE, AUDIT, table=table, audit=audit, seed=1, threads=1)
    return read_balanced(table), json.loads(audit.read_text())


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("synthetic", [True, False])
def test_every_recipe_ends_in_a_set_tables_and_a_figure(
    laboratory: Laboratory, tmp_path: Path, name: str, synthetic: bool
) -> None:
    rows, audit = balanced(laboratory, name, tmp_path, synthetic=synthetic)
    assert UNLABELLED in set(laboratory.source.split["label"])
    assert sorted(set(rows["label"])) == sorted(COUNTS)
    assert not any(UNLABELLED in json.dumps(audit[key]) for key in ("counts", "short", "leaks", "shortcuts", "seen"))
    assert audit["classes"] == list(CLASSES)
    assert audit["leaks"]["n"] == 0
    assert audit["content"]["test"] == sum(n // 4 for n in COUNTS.values())
    if synthetic:
        short = {row["label"]: row["generator"] for row in audit["short"]}
        if name != "enough":  # no generator fills up any class, so that the set is the original one
            assert short["sezary_cell"] is None  # it has no image: named as short, with nothing to fill it up
        expected = {"mixed": {"mine", "few"}, "rare": {"few"}, "rich": {"mine"}, "enough": set()}[name]
        assert set(short.values()) - {None} <= expected
        assert set(rows.loc[rows["origin"] == "synthetic", "image_set"]) <= expected
    tables = balance_tables(read_audits([tmp_path / "audit.json"]))
    assert tables["counts"]["class"].tolist() == [*CLASSES, "all"]
    assert (
        tables["counts"].set_index("class").loc["all", "train_real"]
        == (rows["origin"].eq("real") & rows["part"].eq("train")).sum()
    )
    balance_figure([audit], tmp_path / "a.svg")
    assert all(label.replace("_", " ") in (tmp_path / "a.svg").read_text() for label in CLASSES)


def test_an_export_names_the_classes_of_the_run(laboratory: Laboratory, tmp_path: Path) -> None:
    rows, audit = balanced(laboratory, "mixed", tmp_path, synthetic=False)
    sets, out = {"real": laboratory.source.images}, tmp_path / "cells"
    export_parquet(rows, sets, SIZE, out, classes=audit["classes"], images_per_file=99, threads=1)
    written = parquet.read_table(out / "data" / "test-00000-of-00001.parquet")
    names = json.loads(written.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"]
    assert names == list(CLASSES)
    assert [names[k] for k in written["label"].to_pylist()] == rows.loc[rows["part"] == "test", "label"].tolist()


def test_a_set_without_audits_has_an_empty_figure(tmp_path: Path) -> None:
    balance_figure([], tmp_path / "a.svg")
    assert "no balanced set under this protocol" in (tmp_path / "a.svg").read_text()
