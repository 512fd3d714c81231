import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaError

from helpers.photographs import manifest_from_rows
from hemabalance.dataset.splits import draws, read_split, split, write_split
from hemabalance.dataset.tables import write_table
from hemabalance.errors import InputError

TEST, VALIDATION, MIN_GROUPS = 0.3, 0.1, 5


def images(label: str, numbers: Any, source: str = "mendeley") -> list[dict[str, Any]]:
    return [{"image_id": f"{source}/{label}/{n:05d}", "label": label} for n in numbers]


def parts(rows: list[dict[str, Any]], seed: int = 1, protocol: Any = "leak_free", **changes: Any) -> pd.DataFrame:
    settings = {"test_share": TEST, "validation_share": VALIDATION, "min_groups_for_test": MIN_GROUPS}
    return split(manifest_from_rows(rows), protocol, seed=seed, **(settings | changes)).set_index("image_id")


MANY = [*images("platelet", range(3000)), *images("monocyte", range(1500)), *images("monocyte", range(500), "tcia")]


# --- draws


def test_a_draw_is_the_first_53_bits_of_a_hash() -> None:
    first = hashlib.sha256(b"7:tcia/KSC/1").hexdigest()[:16]
    values = draws(pd.Series(["tcia/KSC/1"]), seed=7)
    assert values.tolist() == [(int(first, 16) >> 11) / 2**53]
    assert values.dtype == np.float64


def test_draws_are_uniform_and_change_with_the_seed() -> None:
    ids = pd.Series([f"a/{n}" for n in range(5000)])
    first, second = draws(ids, seed=1), draws(ids, seed=2)
    ranks = (np.arange(5000) + 0.5) / 5000
    assert np.abs(np.sort(first) - ranks).max() < 0.023  # Kolmogorov-Smirnov at 1 %
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert 0 <= first.min() <= first.max() < 1


# --- leak_free


def test_shares_are_near_the_requested_shares() -> None:
    table = parts(MANY)
    shares = table.groupby(["source", "label"])["part"].value_counts(normalize=True).unstack()
    assert shares.shape == (3, 3)
    for _, share in shares.iterrows():
        assert share["test"] == pytest.approx(TEST, abs=0.05)
        assert share["validation"] == pytest.approx((1 - TEST) * VALIDATION, abs=0.03)
    assert (table["part"] == "test").mean() == pytest.approx(TEST, abs=0.02)


def test_parts_follow_the_draw() -> None:
    table = parts(MANY)
    ends = table.groupby("part")["draw"].agg(["min", "max"])
    assert ends.loc["test", "max"] < TEST <= ends.loc["validation", "min"]
    assert ends.loc["validation", "max"] < TEST + (1 - TEST) * VALIDATION <= ends.loc["train", "min"]


def test_the_same_manifest_gives_the_same_split_in_any_order() -> None:
    expected = parts(MANY)
    assert expected.index.is_monotonic_increasing
    assert parts(MANY[::-1]).equals(expected)
    assert not parts(MANY, seed=2)["part"].equals(expected["part"])


def test_new_images_do_not_move_others() -> None:
    """100 new images, in strata that have a test image by their own draws (all but the very small)."""
    before = parts(MANY)
    after = parts([*MANY, *images("platelet", range(7000, 7050)), *images("smudge_cell", range(50), "tcia")])
    assert len(after) == len(MANY) + 100
    assert after.loc[before.index].equals(before)


def test_no_group_crosses_parts() -> None:
    rows = [row | {"group_id": f"group {n // 3}"} for n, row in enumerate(MANY)]
    table = parts(rows)
    assert (table.groupby("group_id")["part"].nunique() == 1).all()
    assert set(table["part"]) == {"test", "validation", "train"}


def test_only_kept_images_are_split() -> None:
    dropped = {"status": "near_duplicate", "group_id": "mendeley/platelet/00000"}
    rows = images("platelet", range(20))
    assert parts([rows[0], rows[1] | dropped, *rows[2:]]).index.tolist() == [
        row["image_id"] for n, row in enumerate(rows) if n != 1
    ]


# --- small classes


def test_a_class_of_five_groups_always_gets_a_test_image() -> None:
    rows = [*images("monoblast", range(5), "tcia"), *images("basophil", range(5), "tcia")]
    rows += images("basophil", range(300))
    for seed in range(40):
        table = parts(rows, seed=seed)
        tested = table[table["part"] == "test"].groupby(["source", "label"]).size()
        assert set(tested.index) == {("tcia", "monoblast"), ("tcia", "basophil"), ("mendeley", "basophil")}, seed


def test_a_class_over_both_sources_gets_one_too() -> None:
    rows = [*images("basophil", range(3)), *images("basophil", range(2), "tcia")]
    assert all((parts(rows, seed=seed)["part"] == "test").any() for seed in range(40))


def test_a_class_of_four_groups_may_go_without() -> None:
    without = [not (parts(images("monoblast", range(4)), seed=s)["part"] == "test").any() for s in range(40)]
    assert 0 < sum(without) < 40


def test_no_test_image_is_forced_if_the_test_share_is_zero() -> None:
    assert not (parts(images("monoblast", range(30)), test_share=0.0)["part"] == "test").any()


def test_a_rescued_class_gives_up_the_group_nearest_the_threshold() -> None:
    """The only case in which a new image moves another one: a small class gets a test image by its own draw."""
    numbers = range(500)
    draw_of = draws(pd.Series([row["image_id"] for row in images("smudge_cell", numbers)]), seed=1)
    rows = images("smudge_cell", [n for n in numbers if draw_of[n] >= TEST][:5])
    by_draw = images("smudge_cell", [n for n in numbers if draw_of[n] < TEST][:1])
    rescued = parts(rows)
    assert rescued.index[rescued["part"] == "test"].tolist() == [rescued["draw"].idxmin()]
    after = parts(rows + by_draw)
    assert after.index[after["part"] == "test"].tolist() == [by_draw[0]["image_id"]]


def test_all_images_of_a_rescued_group_go_to_test() -> None:
    rows = [row | {"group_id": f"g{n // 2}"} for n, row in enumerate(images("monoblast", range(10)))]
    for seed in range(40):
        table = parts(rows, seed=seed)
        assert (table["part"] == "test").sum() in range(2, 11, 2)


# --- thesis, and the file


def test_the_thesis_protocol_gives_only_a_pool() -> None:
    table = parts(MANY, protocol="thesis")
    assert set(table["part"]) == {"pool"}
    assert table["draw"].equals(parts(MANY)["draw"])


def test_a_split_comes_back_as_it_was_written(tmp_path: Path) -> None:
    table = parts(MANY).reset_index()
    write_split(table, tmp_path / "split.parquet")
    assert read_split(tmp_path / "split.parquet").equals(table)


@pytest.mark.parametrize("changes", [{"part": "validation"}, {"part": "pond"}, {"draw": 1.0}, {"label": ""}])
def test_a_split_that_breaks_its_schema_is_neither_written_nor_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    rows = [row | {"group_id": "one"} for row in images("platelet", range(2))]
    table = parts(rows, test_share=0.0, validation_share=0.0).reset_index()
    assert table["part"].tolist() == ["train", "train"]
    for column, value in changes.items():
        table.loc[0, column] = value
    with pytest.raises(
        SchemaError, match="crosses the split" if changes == {"part": "validation"} else "isin|in_range|str_length"
    ):
        write_split(table, tmp_path / "bad")
    write_table(table, tmp_path / "bad")
    with pytest.raises(InputError, match="does not match its schema"):
        read_split(tmp_path / "bad")
