"""Contact sheets of what was added to the scarce classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.balanced_sets import SCARCE, SIZE, BalanceRun, build_balance_run, build_balanced
from helpers.scarcity_runs import ARMS, paths_in, small_runs
from helpers.stain_runs import drawn
from hemabalance.balance.balanced_set import read_images, write_balanced
from hemabalance.errors import InputError
from hemabalance.report.scarcity.added import AddedImages, added_item
from hemabalance.report.scarcity.write import write_scarcity
from hemabalance.report.sheets import image_strip

FEW, MANY, NONE_ADDED = "monocyte", "basophil", "promyelocyte"
"""A class cut to three real images, one of which there are more than ten, and one that the generator does not serve."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return build_balance_run(tmp_path_factory.mktemp("run"), SCARCE)


@pytest.fixture(scope="module")
def rows(run: BalanceRun) -> pd.DataFrame:
    return build_balanced(run, SCARCE)


def added_in(folder: Path, run: BalanceRun, rows: pd.DataFrame) -> AddedImages:
    write_balanced(rows, folder / "images.parquet")
    zips = str(run.sets["real"].path), str(run.sets["rich"].path)
    indexes = tuple(str(Path(path).with_suffix(".parquet")) for path in zips)
    return AddedImages(
        SCARCE, 3, 1, "mine", "rich", SIZE, folder / "images.parquet", zips, (indexes[0], indexes[1]),
        folder / "added.svg",
    )  # fmt: skip


def training(rows: pd.DataFrame, label: str, image_set: str) -> pd.DataFrame:
    return rows[(rows["label"] == label) & (rows["image_set"] == image_set) & (rows["part"] == "train")]


def test_real_images_stand_left_and_the_first_synthetic_ones_right_of_a_gap(
    run: BalanceRun, rows: pd.DataFrame, tmp_path: Path
) -> None:
    added_item(added_in(tmp_path, run, rows), [FEW, MANY, NONE_ADDED])
    pictures, text = drawn(tmp_path / "added.svg")
    assert len(pictures) == 3
    blank = np.full((SIZE, SIZE, 3), 255, np.uint8)
    for picture, (label, real_count, count) in zip(
        pictures, [(FEW, 3, 10), (MANY, 15, 5), (NONE_ADDED, 3, 0)], strict=True
    ):
        real, synthetic = training(rows, label, "real"), training(rows, label, "rich")
        assert (len(real), len(synthetic.head(10))) == (real_count, count)
        left = read_images(real.head(10), run.sets, SIZE, threads=1)
        right = read_images(synthetic.head(10), run.sets, SIZE, threads=1)
        gap = [blank] * (11 - len(left))
        assert np.array_equal(picture, image_strip([*left, *gap, *right], 21))
    few = pictures[0]
    last = training(rows, FEW, "rich")["image_id"].iloc[9]
    position = run.sets["rich"].index["image_id"].tolist().index(last)
    assert np.array_equal(few[:, -SIZE:], run.sets["rich"].read(position))
    for word in ("real", "synthetic", "none added", f"rich in mine, {SCARCE}, {SIZE} px", FEW, MANY, NONE_ADDED):
        assert word in text


def test_only_training_images_of_the_balanced_set_are_shown(
    run: BalanceRun, rows: pd.DataFrame, tmp_path: Path
) -> None:
    added = added_in(tmp_path, run, rows)
    added_item(added, [FEW])
    before = added.figure.read_bytes()
    write_balanced(rows[rows["part"] == "train"].reset_index(drop=True), added.table)
    added_item(added, [FEW])
    assert added.figure.read_bytes() == before
    first = training(rows, FEW, "rich")["image_id"].iloc[0]
    write_balanced(rows[rows["image_id"] != first].reset_index(drop=True), added.table)
    added_item(added, [FEW])
    assert added.figure.read_bytes() != before


def test_the_caption_gives_n_the_draw_and_the_numbers_added(
    run: BalanceRun, rows: pd.DataFrame, tmp_path: Path
) -> None:
    added = added_in(tmp_path, run, rows)
    item = added_item(added, [FEW, MANY, NONE_ADDED])
    assert item["title"] == f"rich in mine, {SCARCE}"
    assert item["note"] == (
        "From one draw, number 1. Left: the n = 3 real training images that were kept of each scarce class. Right: the "
        "first synthetic images that were added, at most 10. Added: monocyte 10, basophil 5. rich added no image of: "
        "promyelocyte."
    )
    note = added_item(replace(added, n=30), [NONE_ADDED])["note"]
    assert "Left: at most 10 of the n = 30 real training images" in note
    assert "Right" not in note


def test_the_same_images_give_the_same_bytes(run: BalanceRun, rows: pd.DataFrame, tmp_path: Path) -> None:
    added = added_in(tmp_path, run, rows)
    for name in ("1.svg", "2.svg"):
        added_item(replace(added, figure=tmp_path / name), [FEW, NONE_ADDED])
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()


def test_an_image_that_was_exchanged_is_refused(run: BalanceRun, rows: pd.DataFrame, tmp_path: Path) -> None:
    added = added_in(tmp_path, run, rows.assign(sha256="0" * 64))
    with pytest.raises(InputError, match=r"real\.zip: holds another image"):
        added_item(added, [FEW])
    assert not added.figure.exists()


def test_the_page_lists_the_sheets_only_if_there_are_any(run: BalanceRun, rows: pd.DataFrame, tmp_path: Path) -> None:
    scarce = rows.replace({"label": {FEW: "scarce_a", NONE_ADDED: "scarce_b"}})
    added = added_in(tmp_path, run, scarce)
    right = dict.fromkeys(("sampled", "tuned", "repeats", "drawn", "edited", "ceiling"), 0.8)
    runs, paths = small_runs(tmp_path, right), paths_in(tmp_path)
    write_scarcity(runs, ARMS, paths, seed=3)
    assert "What was added" not in paths.page.read_text("utf-8")
    write_scarcity(runs, ARMS, paths, seed=3, added=[added])
    _, _, shown = paths.page.read_text("utf-8").partition("What was added")
    assert 'id="added.svg"' in shown
    assert "Added: scarce a 10. rich added no image of: scarce b." in shown
