"""The report on the scarcity experiment: its tables, its sentence, and the input it refuses."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.browser import without_varying
from helpers.scarcity_runs import ARMS, CLASSES, RECIPES, paths_in, small_runs, table, written
from hemabalance.classify.predictions import codes_of, read_predictions, write_predictions
from hemabalance.errors import InputError
from hemabalance.metrics.classification import confusion, f1
from hemabalance.metrics.resampling import Estimate
from hemabalance.report.scarcity.preliminary import is_preliminary
from hemabalance.report.scarcity.results import RARE_F1, ScarcityResults, read_results
from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityPaths, ScarcityRun
from hemabalance.report.scarcity.sentence import answer
from hemabalance.report.scarcity.write import write_scarcity
from hemabalance.report.verdict import GAIN, LOSS, NO_DIFFERENCE, OPEN, verdict

RIGHT = {"sampled": 0.5, "tuned": 0.6, "repeats": 0.6, "drawn": 0.9, "edited": 0.55, "ceiling": 0.95}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[ScarcityRun]:
    return small_runs(tmp_path_factory.mktemp("runs"), RIGHT, ns=(30, 10))


@pytest.fixture(scope="module")
def paths(runs: list[ScarcityRun], tmp_path_factory: pytest.TempPathFactory) -> ScarcityPaths:
    paths = paths_in(tmp_path_factory.mktemp("report"))
    write_scarcity(runs, ARMS, paths, seed=3, run="small")
    return paths


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False)


def rare_f1(runs: list[ScarcityRun], recipe: str, n: int | None) -> float:
    """Mean of the rare-class macro-F1 of trainings, computed by hand."""
    values = []
    for run in runs:
        if (run.recipe, run.n) == (recipe, n):
            predictions = read_predictions(run.predictions)
            codes = (codes_of(predictions[column], CLASSES) for column in ("label", "predicted"))
            values.append(f1(confusion(*codes, len(CLASSES)))[2:].mean())
    return float(np.mean(values))


# --- tables


def test_scores_are_means_over_trainings_by_n_and_recipe(runs: list[ScarcityRun], paths: ScarcityPaths) -> None:
    scores = read(paths.scores)
    keys = [*((str(n), recipe) for n in (10, 30) for recipe in RECIPES), ("whole classes", "sampled")]
    assert list(zip(scores["n"], scores["recipe"], strict=True)) == keys
    for row, (n, recipe) in zip(scores.itertuples(), keys, strict=True):
        value = rare_f1(runs, recipe, int(n) if n.isdigit() else None)
        assert float(row.rare_macro_f1) == pytest.approx(value, abs=6e-4)
        assert float(row.rare_macro_f1_low) < value < float(row.rare_macro_f1_high)
    assert scores["role"].tolist()[:4] == ["baseline", "line to beat", "control", "synthesis"]
    assert scores["role"].iloc[-1] == "ceiling"
    assert {"balanced_accuracy", "recall_scarce_a", "recall_scarce_b"} <= set(scores.columns)
    assert scores["test_images"].tolist() == ["120"] * len(scores)


def test_rows_say_what_their_intervals_account_for(runs: list[ScarcityRun], tmp_path: Path) -> None:
    single = [run for run in runs if run.draw == 0]
    write_scarcity(single, ARMS, paths_in(tmp_path), seed=3)
    assert set(read(tmp_path / "differences.csv")["intervals_over"]) == {"seeds, images"}
    write_scarcity([run for run in single if run.seed == 0], ARMS, paths_in(tmp_path), seed=3)
    assert set(read(tmp_path / "scores.csv")["intervals_over"]) == {"images"}
    write_scarcity(runs, ARMS, paths_in(tmp_path), seed=3)
    assert set(read(tmp_path / "gap.csv")["intervals_over"]) == {"draws, seeds, images"}


def test_differences_are_to_the_line_the_baseline_and_the_control(
    runs: list[ScarcityRun], paths: ScarcityPaths
) -> None:
    differences = read(paths.differences)
    at_10 = differences[differences["n"] == "10"]
    pairs = [("sampled", "tuned"), ("repeats", "tuned"), ("drawn", "tuned"), ("edited", "tuned"), ("tuned", "sampled")]
    pairs += [("drawn", "repeats"), ("edited", "repeats")]
    assert list(zip(at_10["recipe"], at_10["less"], strict=True)) == pairs
    for row in at_10.itertuples():
        expected = rare_f1(runs, row.recipe, 10) - rare_f1(runs, row.less, 10)
        assert float(row.rare_macro_f1) == pytest.approx(expected, abs=6e-4)
    assert at_10["reading"].iloc[2] == GAIN


def test_a_recipe_with_the_same_predictions_has_no_difference(runs: list[ScarcityRun]) -> None:
    of_line = {(run.n, run.draw, run.seed): run.predictions for run in runs if run.recipe == "tuned"}
    same = [
        replace(run, predictions=of_line[run.n, run.draw, run.seed]) if run.recipe == "drawn" else run for run in runs
    ]
    results = read_results(same, ARMS, seed=3)
    difference = results.groups["drawn", 10].less(results.groups["tuned", 10], RARE_F1)
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_the_share_of_the_gap_is_that_of_known_scores(runs: list[ScarcityRun], paths: ScarcityPaths) -> None:
    rows = read(paths.gap)
    assert rows["recipe"].tolist() == ["tuned", "repeats", "drawn", "edited"] * 2
    base, ceiling = rare_f1(runs, "sampled", 10), rare_f1(runs, "sampled", None)
    drawn = rows[(rows["recipe"] == "drawn") & (rows["n"] == "10")].iloc[0]
    share = (rare_f1(runs, "drawn", 10) - base) / (ceiling - base)
    assert float(drawn["share_of_gap_recovered"]) == pytest.approx(share, abs=6e-3)
    assert float(drawn["share_of_gap_recovered_low"]) < share < float(drawn["share_of_gap_recovered_high"])
    assert (drawn["ceiling_seeds"], drawn["reason"]) == ("2", "–")


def test_the_gap_to_the_baseline_with_all_images_is_a_second_ceiling(runs: list[ScarcityRun], tmp_path: Path) -> None:
    whole = [replace(run, recipe="tuned") for run in runs if run.n is None]
    write_scarcity([*runs, *whole], replace(ARMS, ceiling="tuned"), paths_in(tmp_path), seed=3)
    rows = read(tmp_path / "gap.csv")
    assert rows["ceiling"].tolist() == (["tuned"] * 4 + ["sampled"] * 4) * 2
    first, second = (rows[rows["ceiling"] == name].drop(columns="ceiling") for name in ("tuned", "sampled"))
    assert first.to_dict("records") == second.to_dict("records")  # both have the same predictions here


def test_a_recipe_as_good_as_the_ceiling_recovers_the_whole_gap(tmp_path: Path) -> None:
    all_right = RIGHT | {"drawn": 1.0, "ceiling": 1.0}
    write_scarcity(small_runs(tmp_path, all_right), ARMS, paths_in(tmp_path), seed=3)
    drawn = read(tmp_path / "gap.csv").iloc[2]
    assert drawn["share_of_gap_recovered"] == drawn["share_of_gap_recovered_low"] == "1.00"


@pytest.mark.parametrize("ceiling", [0.5, 0.2])
def test_without_a_gap_no_share_is_given(tmp_path: Path, ceiling: float) -> None:
    write_scarcity(small_runs(tmp_path, RIGHT | {"ceiling": ceiling}), ARMS, paths_in(tmp_path), seed=3)
    rows = read(tmp_path / "gap.csv")
    assert set(rows["share_of_gap_recovered"]) == {"not available"}
    assert set(rows["reason"]) == {
        "the ceiling is not shown to be above the baseline: the interval of the gap is not above 0"
    }


# --- the sentence


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.5, GAIN),
        (-0.5, -0.001, LOSS),
        (-0.02, 0.02, NO_DIFFERENCE),
        (0.0, 0.0, NO_DIFFERENCE),
        (-0.021, 0.01, OPEN),
        (-0.01, 0.021, OPEN),
        (None, None, OPEN),
    ],
)
def test_the_verdict_follows_from_the_interval(low: float | None, high: float | None, expected: str) -> None:
    assert verdict(Estimate(0.0, low, high, 10)) == expected


def test_few_trainings_are_preliminary() -> None:
    assert [is_preliminary(*numbers) for numbers in ((5, 3), (4, 3), (5, 2))] == [False, True, True]


@pytest.mark.parametrize(("right", "expected"), [(0.9, GAIN), (0.2, LOSS), (0.6, OPEN)])
def test_the_sentence_is_about_the_first_synthesis_at_the_smallest_n(
    tmp_path: Path, right: float, expected: str
) -> None:
    runs = small_runs(tmp_path, RIGHT | {"drawn": right}, ns=(30, 10))
    content = answer(read_results(runs, ARMS, seed=3))
    assert (content["verdict"], content["n"], content["preliminary"]) == (expected, 10, True)
    value = rare_f1(runs, "drawn", 10) - rare_f1(runs, "tuned", 10)
    assert content["value"] == pytest.approx(value)
    interval = re.escape(f"{value:+.3f} ") + r"\([+-]0\.\d{3} to [+-]0\.\d{3}\)"
    assert re.fullmatch(
        r"Preliminary: at n = 10 training images of each scarce class, the rare-class macro-F1 of the synthesis chosen "
        r"beforehand \(drawn\) less that of the line to beat \(tuned\) is " + interval + ", 2 draws x 2 "
        rf"initialisations, 120 real test images: {expected}\.",
        content["sentence"],
    )


def test_the_sentence_says_that_there_is_no_difference(tmp_path: Path) -> None:
    path = written(tmp_path, table(0.9, seed=1), "sampled", 10, 0, 0).predictions
    runs = [ScarcityRun(recipe, 10, draw, seed, path) for recipe in RECIPES for draw in range(5) for seed in range(3)]
    runs.append(ScarcityRun("sampled", None, 0, 0, path))
    content = answer(read_results(runs, ARMS, seed=3))
    assert content["sentence"].startswith("At n = 10 ")
    assert content["sentence"].endswith(
        "is +0.000 (+0.000 to +0.000), 5 draws x 3 initialisations, 120 real test images: no difference beyond ±0.02."
    )


# --- figure and page


def test_the_curve_names_recipes_and_the_ceiling(paths: ScarcityPaths, tmp_path: Path) -> None:
    def texts(path: Path) -> str:
        return " ".join(re.findall("<!-- (.*?) -->", path.read_text("utf-8"), re.DOTALL))

    assert {"drawn (synthesis)", "tuned (line to beat)", "sampled (ceiling, whole classes)"} <= set(
        re.findall(r"\w+ \([^)]*\)", texts(paths.curve))
    )
    write_scarcity(small_runs(tmp_path, RIGHT), ARMS, paths_in(tmp_path), seed=3)
    assert "n = 10; dashed: ceiling" in texts(tmp_path / "curve.svg")


def test_the_page_shows_the_sentence_the_tables_and_the_curve(paths: ScarcityPaths) -> None:
    page = paths.page.read_text("utf-8")
    content = json.loads(paths.sentence.read_text("utf-8"))
    assert content["sentence"] in page
    assert "scarcity experiment of run “small”" in page
    for name in ("scores.csv", "differences.csv", "gap.csv", "curve.svg"):
        assert f'id="{name}"' in page
    assert "are fixed before the test images are seen" in page
    assert "{{" not in page
    assert "The archives" not in page


def test_the_same_seed_writes_the_same_bytes(runs: list[ScarcityRun], paths: ScarcityPaths, tmp_path: Path) -> None:
    write_scarcity(runs, ARMS, paths_in(tmp_path), seed=3, run="small")
    for path in (paths.scores, paths.differences, paths.gap, paths.curve, paths.sentence, paths.page):
        assert without_varying(path.read_bytes()) == without_varying((tmp_path / path.name).read_bytes())


# --- refused input


def other_images(folder: Path, runs: list[ScarcityRun]) -> list[ScarcityRun]:
    return [*runs[:-1], written(folder, table(0.9, seed=1, prefix="t"), "sampled", None, 0, 1)]


def other_labels(folder: Path, runs: list[ScarcityRun]) -> list[ScarcityRun]:
    predictions = table(0.9, seed=1)
    predictions["label"] = predictions["label"].to_numpy()[::-1]
    return [*runs[:-1], written(folder, predictions, "sampled", None, 0, 1)]


def other_classes(folder: Path, runs: list[ScarcityRun]) -> list[ScarcityRun]:
    predictions = table(0.9, seed=1).rename(columns={"p_scarce_b": "p_x"}).replace({"scarce_b": "x"})
    path = folder / "classes.parquet"
    write_predictions(predictions, path)
    return [*runs[:-1], replace(runs[-1], predictions=path)]


def no_file(folder: Path, runs: list[ScarcityRun]) -> list[ScarcityRun]:
    return [*runs[:-1], replace(runs[-1], predictions=folder / "none.parquet")]


Change = Callable[[Path, list[ScarcityRun]], list[ScarcityRun]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_images, r"sampled_None_0_1\.parquet: is of other test images than \S+ \(240 images are in one of"),
        (other_labels, r"sampled_None_0_1\.parquet: has other labels of the same test images than"),
        (other_classes, r"classes\.parquet: predicts the classes common_a, common_b, scarce_a, x, and"),
        (no_file, r"none\.parquet"),
    ],
)
def test_predictions_of_another_test_are_refused(
    runs: list[ScarcityRun], tmp_path: Path, change: Change, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_results(change(tmp_path, runs), ARMS, seed=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: [*runs, runs[0]], "the training of sampled at n = 30, draw 0, seed 0: is listed 2 times"),
        (lambda runs: runs[1:], "the training of sampled at n = 30, draw 0, seed 0: is missing, while another recipe"),
        (
            lambda runs: [run for run in runs if run.draw == 0 or run.seed == 0],
            r"the trainings at n = 10: have different numbers of seeds \(draw 0: 2, draw 1: 1\)",
        ),
        (
            lambda runs: [run for run in runs if run.recipe != "repeats"],
            "the recipe repeats: has no training at n = 10, but a role",
        ),
        (lambda runs: [run for run in runs if run.n], "the recipe sampled: has no training on the whole classes, but"),
        (lambda runs: [run for run in runs if not run.n], "has no training with scarce classes"),
        (
            lambda runs: [*runs[:-1], replace(runs[-1], draw=1)],
            "the training of sampled on the whole classes, draw 1, seed 1: is of classes that are not drawn from",
        ),
    ],
)
def test_trainings_that_have_no_pair_are_refused(
    runs: list[ScarcityRun], change: Callable[[list[ScarcityRun]], list[ScarcityRun]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_results(change(runs), ARMS, seed=1)


def results_without(folder: Path, arms: ScarcityArms) -> ScarcityResults:
    counts = {"common_a": 5, "common_b": 5, "scarce_a": 5}
    runs = [written(folder, table(0.9, seed=1, of=counts), recipe, 10, 0, 0) for recipe in RECIPES]
    return read_results([*runs, written(folder, table(0.9, seed=1, of=counts), "sampled", None, 0, 0)], arms, seed=1)


def test_a_scarce_class_needs_test_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sampled_10_0_0\.parquet: has no image of the scarce class scarce_b"):
        results_without(tmp_path, ARMS)
    assert results_without(tmp_path, replace(ARMS, classes=("scarce_a",))).ns == [10]
