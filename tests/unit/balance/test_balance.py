"""The balanced set: which real and synthetic images it holds, in which part, and their pixels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import balanced_sets
from helpers.balanced_sets import (
    COUNTS,
    GENERATOR_OF_CLASS,
    GENERATORS,
    SIZE,
    STORED,
    BalanceRun,
    build_balanced,
    write_set,
)
from helpers.photographs import photograph
from helpers.thesis import CLASSES
from hemabalance.balance.balanced_set import (
    SCHEMA,
    accepted_images,
    balance,
    read_balanced,
    read_images,
    shortfalls,
    write_balanced,
)
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError

TRAINING = {"basophil": 15, "monocyte": 24, "promyelocyte": 3}  # of 25, 40 and 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return balanced_sets.build_balance_run(tmp_path_factory.mktemp("leak_free"))


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return balanced_sets.build_balance_run(tmp_path_factory.mktemp("thesis"), "thesis")


def counts(table: pd.DataFrame, *keys: str) -> dict[Any, int]:
    numbers: dict[Any, int] = table.value_counts(list(keys)).to_dict()
    return numbers if len(keys) > 1 else {key: n for (key,), n in numbers.items()}


# --- leak_free


def test_training_classes_are_filled_up_and_nothing_else_changes(run: BalanceRun) -> None:
    table = SCHEMA.validate(build_balanced(run))
    synthetic, real = table[table["origin"] == "synthetic"], table[table["origin"] == "real"]
    assert counts(synthetic, "label", "part") == {("basophil", "train"): 5, ("promyelocyte", "train"): 10}
    assert set(synthetic["source"]) == {"synthetic"}
    assert (synthetic["group_id"] == synthetic["image_id"]).all()
    together = real.merge(run.split, on=["image_id", "source", "label", "group_id", "part"])
    assert len(together) == len(real) == len(run.split) == 70
    assert set(real["image_set"]) == {"real"}
    assert counts(synthetic, "label", "image_set").keys() == {("basophil", "rich"), ("promyelocyte", "rare")}


def test_the_first_accepted_images_enter(run: BalanceRun) -> None:
    table = build_balanced(run)
    chosen = table.loc[table["image_set"] == "rich", "image_id"].tolist()
    assert chosen == [f"basophil-{index:010d}" for index in (0, 2, 4, 6, 8)]
    ungated = build_balanced(run, gated=False)
    chosen = ungated.loc[ungated["image_set"] == "rich", "image_id"].tolist()
    assert chosen == [f"basophil-{index:010d}" for index in range(5)]
    assert counts(ungated, "image_set")["rare"] == 17  # of 20 generated


def test_rows_agree_with_the_image_sets(run: BalanceRun) -> None:
    table = build_balanced(run)
    for name, rows in table.groupby("image_set"):
        columns = ["image_id", "file", "sha256", "provenance", "origin"]
        assert len(rows[columns].merge(run.sets[str(name)].index, on=columns)) == len(rows)


def test_a_generator_fills_only_the_classes_it_is_asked_for(run: BalanceRun) -> None:
    table = build_balanced(run, generators={"promyelocyte": "rare"})
    assert counts(table[table["origin"] == "synthetic"], "label") == {"promyelocyte": 10}
    other = build_balanced(run, generators={**GENERATOR_OF_CLASS, "basophil": "rare"})  # which has no image of it
    assert not (other["image_id"].str.startswith("basophil-")).any()


@pytest.mark.parametrize(("above", "monocytes"), [("keep", 24), ("subsample", 20)])
def test_a_class_above_its_target(run: BalanceRun, above: str, monocytes: int) -> None:
    table = build_balanced(run, above=above)
    training = table[table["part"] == "train"]
    assert counts(training, "label") == {"basophil": 20, "monocyte": monocytes, "promyelocyte": 13}
    held_back = table[table["part"] != "train"]
    assert len(held_back) == (run.split["part"] != "train").sum()
    candidates = run.split[(run.split["label"] == "monocyte") & (run.split["part"] == "train")]
    order = np.argsort(draws(candidates["group_id"], seed=balanced_sets.SEED + 1))
    smallest = set(candidates["image_id"].to_numpy()[order[:monocytes]])
    assert set(training.loc[training["label"] == "monocyte", "image_id"]) == smallest


def test_without_a_generator_it_is_the_original_set(run: BalanceRun) -> None:
    table = build_balanced(run, generators={}, above="subsample")
    assert table["image_id"].tolist() == run.split["image_id"].tolist()
    assert table["part"].tolist() == run.split["part"].tolist()
    assert shortfalls(table, "leak_free", CLASSES, {}, 20) == []


def test_short_classes_are_listed_and_logged(run: BalanceRun, caplog: pytest.LogCaptureFixture) -> None:
    short = shortfalls(build_balanced(run), "leak_free", CLASSES, GENERATOR_OF_CLASS, 20)
    assert {row["label"]: row["short"] for row in short if row["images"]} == {"promyelocyte": 7}
    of_rare = next(row for row in short if row["label"] == "promyelocyte")
    assert of_rare == {"label": "promyelocyte", "images": 13, "target": 20, "short": 7, "generator": "rare"}
    assert "class promyelocyte has 13 of 20 images after filling up by rare" in caplog.text
    without = [row for row in short if not row["images"]]
    assert len(without) == 9  # classes that this run has no images of
    assert {row["generator"] for row in without} == {None}


def test_the_same_images_in_any_order_give_the_same_bytes(run: BalanceRun, tmp_path: Path) -> None:
    generated = {name: accepted_images(run.sets[name].index, run.gates[name][::-1]) for name in GENERATORS}
    settings = balanced_sets.TARGET
    generators = dict(reversed(GENERATOR_OF_CLASS.items()))
    reordered = balance(
        run.split[::-1],
        run.sets["real"].index[::-1],
        "leak_free",
        generators,
        generated,
        settings,
        seed=7,
    )
    write_balanced(build_balanced(run), tmp_path / "one.parquet")
    write_balanced(reordered, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert read_balanced(tmp_path / "one.parquet").equals(reordered)


# --- thesis


def test_under_the_thesis_protocol_all_are_pooled_and_split_afterwards(pooled: BalanceRun) -> None:
    table = build_balanced(pooled, "thesis", target_per_class=50)
    assert counts(table, "label") == {"basophil": 35, "monocyte": 50, "promyelocyte": 15}  # all generated images
    assert {("synthetic", "test"), ("synthetic", "train"), ("real", "test")} <= counts(table, "origin", "part").keys()
    draw = pd.Series(draws(table["group_id"], seed=balanced_sets.SEED), index=table.index)
    expected = np.where(draw < 0.3, "test", np.where(draw < 0.37, "validation", "train"))
    assert table["part"].tolist() == expected.tolist()


def test_copies_stay_together_in_the_pool(pooled: BalanceRun) -> None:
    split = pooled.split.assign(group_id=pooled.split["image_id"].str[:-1])
    split["draw"] = draws(split["group_id"], seed=balanced_sets.SEED)
    table = balance(split, pooled.sets["real"].index, "thesis", {}, {}, balanced_sets.TARGET, seed=balanced_sets.SEED)
    assert (table.groupby("group_id")["part"].nunique() == 1).all()


def test_a_thinned_pool_keeps_its_shares() -> None:
    """Subsampling must not use the random numbers of the split: else most remaining images would be test images."""
    ids = pd.Series([f"mendeley/monocyte/{k:05}" for k in range(4000)])
    split = pd.DataFrame({"image_id": ids, "source": "mendeley", "label": "monocyte", "group_id": ids, "part": "pool"})
    split.insert(4, "draw", draws(ids, seed=7))
    real = pd.DataFrame({"image_id": ids, "file": ids + ".png", "sha256": "0" * 64, "provenance": "{}"})
    settings = replace(balanced_sets.TARGET, target_per_class=1500, above="subsample")
    empty = pd.DataFrame(columns=["image_id", "label", "source", "origin", "file", "sha256", "provenance"])
    table = balance(split, real, "thesis", {"monocyte": "rich"}, {"rich": empty}, settings, seed=7)
    assert len(table) == 1500
    assert (table["part"] == "test").mean() == pytest.approx(0.3, abs=0.04)


# --- bad input


def test_a_gate_of_other_images_is_refused(run: BalanceRun) -> None:
    with pytest.raises(InputError, match="judged 39 images, which are not the 40 of the image set"):
        accepted_images(run.sets["rich"].index, run.gates["rich"].iloc[1:])
    with pytest.raises(InputError, match="judged 40 images"):
        accepted_images(run.sets["rich"].index, run.gates["rich"].replace({"basophil-0000000003": "other"}))


def test_an_image_that_was_not_normalised_is_named(run: BalanceRun) -> None:
    real = run.sets["real"].index
    with pytest.raises(InputError, match="lack 1 of the 70 images of the split, first tcia/BAS/03"):
        balance(
            run.split,
            real[real["image_id"] != "tcia/BAS/03"],
            "leak_free",
            {},
            {},
            balanced_sets.TARGET,
            seed=7,
        )


# --- pixels


def test_images_come_in_the_order_of_the_rows_at_the_working_size(run: BalanceRun) -> None:
    rows = build_balanced(run).sample(frac=1, random_state=1).head(40)
    assert set(rows["image_set"]) == {"real", "rich", "rare"}
    pixels = read_images(rows, run.sets, SIZE, threads=2)
    assert pixels.shape == (40, SIZE, SIZE, 3)
    for image, row in zip(pixels, rows.itertuples(), strict=True):
        image_set = run.sets[row.image_set]
        stored = image_set.read(image_set.index["image_id"].tolist().index(row.image_id)).astype(float)
        if row.origin == "real":
            assert stored.shape == (STORED, STORED, 3)
            stored = stored.reshape(SIZE, 2, SIZE, 2, 3).mean(axis=(1, 3))
        assert np.abs(image - stored).max() <= 1  # rounded once in each direction
    assert read_images(rows.head(0), run.sets, SIZE, threads=1).shape == (0, SIZE, SIZE, 3)
    out = np.empty_like(pixels)
    assert read_images(rows, run.sets, SIZE, threads=1, out=out) is out
    assert np.array_equal(out, pixels)


def test_image_sets_that_are_not_those_of_the_rows_are_refused(run: BalanceRun, tmp_path: Path) -> None:
    rows = build_balanced(run)
    with pytest.raises(InputError, match="has images of the set rare, but only real, rich were opened"):
        read_images(rows, {name: run.sets[name] for name in ("real", "rich")}, SIZE, threads=1)
    index = run.sets["rare"].index[["image_id", "label", "source", "origin", "provenance"]]
    with write_set(tmp_path, "rare", index, [photograph(9, SIZE)] * len(index)) as other:
        with pytest.raises(InputError, match="holds another image promyelocyte-0000000000 than"):
            read_images(rows, {**run.sets, "rare": other}, SIZE, threads=1)
        with pytest.raises(InputError, match="lacks mendeley/basophil/00"):
            read_images(rows, {**run.sets, "real": other}, SIZE, threads=1)
    with pytest.raises(InputError, match="24x24 px, which cannot be reduced to 32x32 px"):
        read_images(rows, run.sets, 32, threads=1)


def test_the_run_has_the_expected_counts(run: BalanceRun) -> None:
    training = run.split[run.split["part"] == "train"]
    assert counts(training, "label") == TRAINING
    assert len(run.split) == sum(COUNTS.values())
