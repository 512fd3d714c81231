"""The balanced set: which real and synthetic images it holds, in which part, and their pixels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import balanced_sets
from helpers.balanced_sets import COUNTS, GENERATORS, MAKERS, SIZE, STORED, BalanceRun, balanced, written
from helpers.photographs import photograph
from hemabalance.balance.balanced_set import (
    SCHEMA,
    balance,
    candidates,
    read_balanced,
    read_images,
    shortfalls,
    write_balanced,
)
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError

TRAINING = {"basophil": 15, "monocyte": 24, "promyelocyte": 3}  # of 25, 40 and 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return balanced_sets.run(tmp_path_factory.mktemp("leak_free"))


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return balanced_sets.run(tmp_path_factory.mktemp("thesis"), "thesis")


def counts(table: pd.DataFrame, *keys: str) -> dict[Any, int]:
    found: dict[Any, int] = table.value_counts(list(keys)).to_dict()
    return found if len(keys) > 1 else {key: n for (key,), n in found.items()}


# --- leak_free


def test_training_classes_are_filled_up_and_nothing_else_changes(made: BalanceRun) -> None:
    table = SCHEMA.validate(balanced(made))
    synthetic, real = table[table["origin"] == "synthetic"], table[table["origin"] == "real"]
    assert counts(synthetic, "label", "part") == {("basophil", "train"): 5, ("promyelocyte", "train"): 10}
    assert set(synthetic["source"]) == {"synthetic"}
    assert (synthetic["group_id"] == synthetic["image_id"]).all()
    together = real.merge(made.split, on=["image_id", "source", "label", "group_id", "part"])
    assert len(together) == len(real) == len(made.split) == 70
    assert set(real["image_set"]) == {"real"}
    assert counts(synthetic, "label", "image_set").keys() == {("basophil", "rich"), ("promyelocyte", "rare")}


def test_the_first_accepted_draws_enter(made: BalanceRun) -> None:
    table = balanced(made)
    chosen = table.loc[table["image_set"] == "rich", "image_id"].tolist()
    assert chosen == [f"basophil-{index:010d}" for index in (0, 2, 4, 6, 8)]
    ungated = balanced(made, gated=False)
    chosen = ungated.loc[ungated["image_set"] == "rich", "image_id"].tolist()
    assert chosen == [f"basophil-{index:010d}" for index in range(5)]
    assert counts(ungated, "image_set")["rare"] == 17  # of 20 that were drawn


def test_rows_say_what_the_image_sets_say(made: BalanceRun) -> None:
    table = balanced(made)
    for name, mine in table.groupby("image_set"):
        columns = ["image_id", "file", "sha256", "provenance", "origin"]
        assert len(mine[columns].merge(made.sets[str(name)].index, on=columns)) == len(mine)


def test_a_generator_fills_only_the_classes_it_is_asked_for(made: BalanceRun) -> None:
    table = balanced(made, makers={"promyelocyte": "rare"})
    assert counts(table[table["origin"] == "synthetic"], "label") == {"promyelocyte": 10}
    elsewhere = balanced(made, makers={**MAKERS, "basophil": "rare"})  # which has no image of it
    assert not (elsewhere["image_id"].str.startswith("basophil-")).any()


@pytest.mark.parametrize(("above", "monocytes"), [("keep", 24), ("subsample", 20)])
def test_a_class_above_its_target(made: BalanceRun, above: str, monocytes: int) -> None:
    table = balanced(made, above=above)
    training = table[table["part"] == "train"]
    assert counts(training, "label") == {"basophil": 20, "monocyte": monocytes, "promyelocyte": 13}
    held_back = table[table["part"] != "train"]
    assert len(held_back) == (made.split["part"] != "train").sum()
    candidates = made.split[(made.split["label"] == "monocyte") & (made.split["part"] == "train")]
    order = np.argsort(draws(candidates["group_id"], seed=balanced_sets.SEED + 1))
    smallest = set(candidates["image_id"].to_numpy()[order[:monocytes]])
    assert set(training.loc[training["label"] == "monocyte", "image_id"]) == smallest


def test_without_a_generator_it_is_the_original_set(made: BalanceRun) -> None:
    table = balanced(made, makers={}, above="subsample")
    assert table["image_id"].tolist() == made.split["image_id"].tolist()
    assert table["part"].tolist() == made.split["part"].tolist()
    assert shortfalls(table, "leak_free", {}, 20) == []


def test_classes_that_stay_short_are_told(made: BalanceRun, caplog: pytest.LogCaptureFixture) -> None:
    short = shortfalls(balanced(made), "leak_free", MAKERS, 20)
    assert {row["label"]: row["short"] for row in short if row["images"]} == {"promyelocyte": 7}
    of_rare = next(row for row in short if row["label"] == "promyelocyte")
    assert of_rare == {"label": "promyelocyte", "images": 13, "target": 20, "short": 7, "generator": "rare"}
    assert "promyelocyte stays at 13 of 20 images, filled up by rare" in caplog.text
    without = [row for row in short if not row["images"]]
    assert len(without) == 9  # the classes that this run knows nothing of
    assert {row["generator"] for row in without} == {None}


def test_the_same_images_in_any_order_give_the_same_bytes(made: BalanceRun, tmp_path: Path) -> None:
    drawn = {name: candidates(made.sets[name].index, made.gates[name][::-1]) for name in GENERATORS}
    settings = balanced_sets.TARGET
    makers = dict(reversed(MAKERS.items()))
    again = balance(made.split[::-1], made.sets["real"].index[::-1], "leak_free", makers, drawn, settings, seed=7)
    write_balanced(balanced(made), tmp_path / "one.parquet")
    write_balanced(again, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert read_balanced(tmp_path / "one.parquet").equals(again)


# --- thesis


def test_under_the_thesis_protocol_all_are_pooled_and_split_afterwards(pooled: BalanceRun) -> None:
    table = balanced(pooled, "thesis", target_per_class=50)
    assert counts(table, "label") == {"basophil": 35, "monocyte": 50, "promyelocyte": 15}  # as far as draws reach
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
    """The draws that decide who stays are not those that decide who is tested: else most would be test images."""
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


def test_a_gate_of_other_images_is_refused(made: BalanceRun) -> None:
    with pytest.raises(InputError, match="judged 39 images, which are not the 40 of the image set"):
        candidates(made.sets["rich"].index, made.gates["rich"].iloc[1:])
    with pytest.raises(InputError, match="judged 40 images"):
        candidates(made.sets["rich"].index, made.gates["rich"].replace({"basophil-0000000003": "other"}))


def test_a_kept_image_that_was_not_normalised_is_named(made: BalanceRun) -> None:
    real = made.sets["real"].index
    with pytest.raises(InputError, match="lack 1 of 70 kept images, tcia/BAS/03 first"):
        balance(made.split, real[real["image_id"] != "tcia/BAS/03"], "leak_free", {}, {}, balanced_sets.TARGET, seed=7)


# --- pixels


def test_images_come_in_the_order_of_the_rows_at_the_working_size(made: BalanceRun) -> None:
    rows = balanced(made).sample(frac=1, random_state=1).head(40)
    assert set(rows["image_set"]) == {"real", "rich", "rare"}
    pixels = read_images(rows, made.sets, SIZE, threads=2)
    assert pixels.shape == (40, SIZE, SIZE, 3)
    for one, row in zip(pixels, rows.itertuples(), strict=True):
        held = made.sets[row.image_set]
        stored = held.read(held.index["image_id"].tolist().index(row.image_id)).astype(float)
        if row.origin == "real":
            assert stored.shape == (STORED, STORED, 3)
            stored = stored.reshape(SIZE, 2, SIZE, 2, 3).mean(axis=(1, 3))
        assert np.abs(one - stored).max() <= 1  # rounded once in each direction
    assert read_images(rows.head(0), made.sets, SIZE, threads=1).shape == (0, SIZE, SIZE, 3)
    out = np.empty_like(pixels)
    assert read_images(rows, made.sets, SIZE, threads=1, out=out) is out
    assert np.array_equal(out, pixels)


def test_image_sets_that_are_not_those_of_the_rows_are_refused(made: BalanceRun, tmp_path: Path) -> None:
    rows = balanced(made)
    with pytest.raises(InputError, match="has images of the set rare, and only real, rich were opened"):
        read_images(rows, {name: made.sets[name] for name in ("real", "rich")}, SIZE, threads=1)
    index = made.sets["rare"].index[["image_id", "label", "source", "origin", "provenance"]]
    with written(tmp_path, "rare", index, [photograph(9, SIZE)] * len(index)) as other:
        with pytest.raises(InputError, match="holds another promyelocyte-0000000000 than the balanced set"):
            read_images(rows, {**made.sets, "rare": other}, SIZE, threads=1)
        with pytest.raises(InputError, match="lacks mendeley/basophil/00"):
            read_images(rows, {**made.sets, "real": other}, SIZE, threads=1)
    with pytest.raises(InputError, match="24x24 px, which cannot be reduced to 32x32 px"):
        read_images(rows, made.sets, 32, threads=1)


def test_the_run_is_as_these_tests_take_it_to_be(made: BalanceRun) -> None:
    training = made.split[made.split["part"] == "train"]
    assert counts(training, "label") == TRAINING
    assert len(made.split) == sum(COUNTS.values())
