"""Figures of classifiers and balanced sets, drawn from results of the workflow's own code."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.balanced_sets import audit_inputs, build_balance_run, run_audit
from helpers.classifier_runs import COUNTS, OURS, PLAIN, ClassifierRun, build_run, compare_runs, history
from helpers.photographs import photograph
from helpers.stain_runs import drawn
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError
from hemabalance.report.balance.figure import balance_figure
from hemabalance.report.classify.ablations import ablations_figure, ablations_of
from hemabalance.report.classify.bars import models_figure
from hemabalance.report.classify.classes import classes_figure
from hemabalance.report.classify.confusion import confusion_figure
from hemabalance.report.classify.curves import curves_figure
from hemabalance.report.classify.examples import examples_figure, mistakes_figure
from hemabalance.report.classify.reliability import reliability_figure

SIDE = 20
OF = "balanced, seed 1, protocol leak_free"
TESTED = sum(COUNTS.values())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClassifierRun]:
    folder = tmp_path_factory.mktemp("runs")
    return {
        "balanced": build_run(folder, "balanced", skill=4.5),
        "plain": build_run(folder, "plain", skill=3.2, like=PLAIN),
        "no_stain": build_run(folder, "no_stain", skill=3.2, like={**OURS, "normalizer": "none"}),
        "idle": build_run(folder, "idle", skill=0, counts={}),
    }


@pytest.fixture(scope="module")
def images(runs: dict[str, ClassifierRun], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageSet]:
    """The test images."""
    folder = tmp_path_factory.mktemp("images")
    rows = runs["balanced"].predictions[["image_id", "label", "source"]].assign(origin="real", provenance="{}")
    paths = folder / "real.zip", folder / "real_images.parquet"
    write_image_set(*paths, rows.astype("str"), [photograph(seed, SIDE) for seed in range(len(rows))], threads=1)
    with ImageSet(*paths) as image_set:
        yield image_set


def text_of_reproducible_figure(path: Path, draw: Any) -> str:
    """The text of a figure; drawing it twice must give the same bytes."""
    for name in ("1.svg", "2.svg"):
        draw(path / name)
    assert (path / "1.svg").read_bytes() == (path / "2.svg").read_bytes()
    return drawn(path / "1.svg")[1]


def diamonds(path: Path) -> int:
    """Number of markers of values reported by the thesis, without the legend entry."""
    svg = path.read_text("utf-8").partition('id="legend_1"')[0]
    shape = re.search(r'<path id="(\w+)" d="M -0 3\.[^"]*"[^>]*/>', svg)
    return svg.count(f'xlink:href="#{shape[1]}"') if shape else 0


def test_models_are_drawn_best_first_with_reported_values(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    results = [runs["plain"].scored, replace(runs["plain"].scored, seed=2), runs["balanced"].scored]
    text = text_of_reproducible_figure(tmp_path, lambda path: models_figure(results, path, preset="thesis"))
    assert (
        text.index("balanced")
        < text.index("plain, seed 1")
        < text.index("plain, seed 2")
        < text.index("vgg19 (not trained here)")
    )
    assert "senet154_ge (not trained here)" not in text
    accuracy = runs["balanced"].scored.metric("accuracy")
    assert "{value:.3f} ({low:.3f} to {high:.3f})".format(**accuracy) in text
    assert f"protocol leak_free, test images, n = {TESTED}" in text
    assert "reported by the thesis" in text
    models_figure([], tmp_path / "none.svg", preset="thesis")
    assert "nothing was trained under this protocol" in drawn(tmp_path / "none.svg")[1]
    models_figure([runs["idle"].scored], tmp_path / "idle.svg", preset="thesis")
    assert drawn(tmp_path / "idle.svg")[1].count("not estimable") == 2


def test_classes_are_drawn_with_their_counts(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    both = {"original set": runs["plain"].scored, "balanced set": runs["balanced"].scored}
    classes_figure(both, tmp_path / "a.svg")
    text = drawn(tmp_path / "a.svg")[1]
    for label, n in COUNTS.items():
        assert f"{label.replace('_', ' ')}, n = {n}" in text
    assert text.count("not estimable") == 6  # three panels, two experiments
    for words in ("sensitivity", "specificity", "accuracy against the rest", *both, "reported by the thesis"):
        assert words in text
    other_setting = {"with": runs["no_stain"].scored}
    classes_figure(other_setting, tmp_path / "unlike.svg")
    assert "reported by the thesis" not in drawn(tmp_path / "unlike.svg")[1]


def test_classes_of_other_test_images_show_both_counts(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    classes_figure({"a": runs["plain"].scored, "b": runs["idle"].scored}, tmp_path / "a.svg")
    assert "platelet, n = 22 / 0" in drawn(tmp_path / "a.svg")[1]


def test_the_confusion_matrix_holds_every_image(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    result = runs["plain"].scored
    confusion_figure(result, tmp_path / "1.svg")
    text = drawn(tmp_path / "1.svg")[1]
    counts = np.array(result.metrics["confusion"]["counts"])
    cells = [int(count) for count in re.findall(r"(\d+)\s+(?:\d+|<1)%", text)]
    assert sorted(cells) == sorted(counts[counts > 0].tolist())
    assert f"{TESTED} test images, of which {np.trace(counts)} on the diagonal are correct" in text
    assert "smudge cell (n = 0)" in text
    assert text.count("no test image") == 1
    confusion_figure(runs["idle"].scored, tmp_path / "idle.svg")
    assert drawn(tmp_path / "idle.svg")[1].count("no test image") == 12


def test_curves_show_training_beside_validation(tmp_path: Path) -> None:
    lines = history()
    text = text_of_reproducible_figure(
        tmp_path, lambda path: curves_figure({"ours": lines, "logistic": pd.DataFrame()}, path)
    )
    best = lines.loc[lines["validation_cross_entropy"].idxmin()]
    assert best["step"] == 180
    for name in ("macro_f1", "accuracy", "cross_entropy"):
        assert f"kept {best[f'validation_{name}']:.3f}" in text
    for words in ("ours", "macro F1", "cross-entropy", "training images", "validation images", "steps of training"):
        assert words in text
    assert "logistic" not in text
    curves_figure({"short": lines[["step", "cross_entropy"]].head(1)}, tmp_path / "short.svg")
    assert "kept" not in drawn(tmp_path / "short.svg")[1]


def test_curves_of_models_without_steps_say_so(tmp_path: Path) -> None:
    curves_figure({"logistic": pd.DataFrame()}, tmp_path / "a.svg")
    assert drawn(tmp_path / "a.svg")[1] == "no model that is compared is trained by steps"


def test_reliability_shows_the_calibration_error(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    results = [runs["balanced"].scored, runs["idle"].scored, runs["plain"].scored, runs["no_stain"].scored]
    text = text_of_reproducible_figure(tmp_path, lambda path: reliability_figure(results, path))
    error = runs["balanced"].scored.metric("expected_calibration_error")
    before = runs["balanced"].scored.metrics["calibration"]["test"]["ece_before"]
    assert f"calibration error {before:.3f} → {error['value']:.3f} ({error['low']:.3f} to {error['high']:.3f})" in text
    assert f"n = {TESTED}, temperature" in text
    assert text.count("calibration error not estimable") == 1


def test_ablations_are_drawn_with_reported_values(runs: dict[str, ClassifierRun], tmp_path: Path) -> None:
    rows = [
        {"row": "full", "name": "balanced", **OURS},
        {"row": "without stain normalisation", "name": "no_stain", **OURS, "normalizer": "none"},
        {"row": "without gather-excite", "name": "senet154", **OURS, "network": "senet154"},
    ]
    pair = compare_runs([runs["balanced"]], [runs["no_stain"]])
    results = [run.scored for run in runs.values()]
    text = text_of_reproducible_figure(
        tmp_path,
        lambda path: ablations_figure(ablations_of(rows, results, [pair], preset="thesis"), path, preset="thesis"),
    )
    assert text.count("not in this run") == 1
    assert text.index("full") < text.index("without stain normalisation") < text.index("without gather-excite")
    assert diamonds(tmp_path / "1.svg") == 3
    ablations_figure(ablations_of(rows, results, [], preset="thesis"), tmp_path / "alone.svg", preset="thesis")
    assert drawn(tmp_path / "alone.svg")[1].count("not compared") == 1


def test_examples_are_chosen_by_a_hash_whether_right_or_not(
    runs: dict[str, ClassifierRun], images: ImageSet, tmp_path: Path
) -> None:
    table = runs["balanced"].predictions.query("label in ['basophil', 'neutrophil', 'monoblast']")
    text = text_of_reproducible_figure(tmp_path, lambda path: examples_figure(images, table, path, heading=OF, seed=4))
    pictures = drawn(tmp_path / "1.svg")[0]
    known = table.assign(draw=draws(table["image_id"], seed=4)).sort_values(["draw", "image_id"])
    chosen = known.groupby("label").head(3)
    assert len(pictures) == len(chosen) == 3 + 3 + 1
    first = chosen[chosen["label"] == "basophil"]["image_id"].iloc[0]
    assert np.array_equal(pictures[0], images.read(images.index["image_id"].tolist().index(first)))
    wrong = chosen[chosen["label"] != chosen["predicted"]]
    assert text.count("predicted as ") == len(wrong)
    correct = int((table.query("label == 'neutrophil'")["predicted"] == "neutrophil").sum())
    assert re.search(rf"neutrophil\s+{correct} of 70\s+correct", text)
    assert OF in text
    examples_figure(images, table, tmp_path / "other.svg", heading=OF, seed=5)
    assert (tmp_path / "other.svg").read_bytes() != (tmp_path / "1.svg").read_bytes()


def test_every_example_has_twelve_bars(runs: dict[str, ClassifierRun], images: ImageSet, tmp_path: Path) -> None:
    table = runs["balanced"].predictions.query("label == 'promyelocyte'").head(1)
    examples_figure(images, table, tmp_path / "a.svg", heading=OF, seed=1)
    bars = re.findall(
        r'clip-path="url\(#\w+\)" style="fill: #(0072b2|d55e00|55555f)"', (tmp_path / "a.svg").read_text()
    )
    assert len(bars) == 12
    assert bars.count("0072b2") == 1
    row = table.iloc[0]
    words = f"{row['p_promyelocyte']:.0%} promyelocyte"
    assert words in drawn(tmp_path / "a.svg")[1]


def test_mistakes_are_sorted_by_confidence(runs: dict[str, ClassifierRun], images: ImageSet, tmp_path: Path) -> None:
    table = runs["balanced"].predictions
    mistakes_figure(images, table, tmp_path / "1.svg", heading=OF)
    text = drawn(tmp_path / "1.svg")[1]
    wrong = table[table["predicted"] != table["label"]].sort_values("confidence", ascending=False)
    titles = re.findall(r"([a-z ]+), predicted as ([a-z ]+?)\s", text)
    assert f"{len(wrong)} mistakes among {TESTED} test images, most confident first" in text
    assert len(titles) == min(12, len(wrong))
    assert titles[0][0].strip() == wrong["label"].iloc[0].replace("_", " ")
    first = images.index["image_id"].tolist().index(wrong["image_id"].iloc[0])
    assert np.array_equal(drawn(tmp_path / "1.svg")[0][0], images.read(first))


def test_a_classifier_without_mistakes(runs: dict[str, ClassifierRun], images: ImageSet, tmp_path: Path) -> None:
    table = runs["balanced"].predictions
    mistakes_figure(images, table[table["predicted"] == table["label"]].head(5), tmp_path / "a.svg", heading=OF)
    assert "no mistake among 5 test images" in drawn(tmp_path / "a.svg")[1]
    examples_figure(images, table.head(0), tmp_path / "none.svg", heading=OF, seed=1)
    assert drawn(tmp_path / "none.svg")[0] == []


def test_predictions_of_other_images_are_refused(
    runs: dict[str, ClassifierRun], images: ImageSet, tmp_path: Path
) -> None:
    table = runs["balanced"].predictions.head(1).assign(image_id="mendeley/basophil/nobody")
    with pytest.raises(InputError, match=r"real\.zip: lacks mendeley/basophil/nobody"):
        examples_figure(images, table, tmp_path / "a.svg", heading=OF, seed=1)
    assert not list(tmp_path.iterdir())


def test_balanced_sets_show_real_and_synthetic_images(tmp_path: Path) -> None:
    balance_figure([], tmp_path / "none.svg")
    assert "no balanced set under this protocol" in drawn(tmp_path / "none.svg")[1]
    audit = run_audit(audit_inputs(build_balance_run(tmp_path / "set")))
    balance_figure([audit, {**audit, "recipe": "yours"}], tmp_path / "1.svg")
    text = drawn(tmp_path / "1.svg")[1]
    train = sum(row["n"] for row in audit["counts"] if row["part"] == "train")
    for words in (f"mine (n = {train})", f"yours (n = {train})", "protocol leak_free: training images", "synthetic"):
        assert words in text
