"""How much of a result is protocol: scores of mixtures, their gains, and the images that are scored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.balanced_sets import build_balance_run, build_balanced
from helpers.classifiers import LEVELS
from helpers.predictions import rows_of
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import ModelData
from hemabalance.classify.other_images import IN_TEST_PART, LEFT_OVER, TRAINED_ON, synthetic_images
from hemabalance.classify.predict_other_parts import OtherParts, predict_other_parts
from hemabalance.classify.predictions import codes_of, predictions_table, read_predictions, write_predictions
from hemabalance.report.classify.protocol_gain import (
    COPIES,
    LEAK_FREE,
    SHARES,
    SYNTHETIC,
    THESIS,
    GainFiles,
    protocol_gain,
)
from hemabalance.report.classify.protocol_gain_figure import protocol_gain_figure
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images

CLASSES = ("a", "b")


def predictions(path: Path, right: dict[str, tuple[int, int]], source: str = "s") -> Path:
    """Predictions of two classes: class -> (right, all)."""
    labels = [label for label, (_, n) in right.items() for _ in range(n)]
    correct = [place < count for count, n in right.values() for place in range(n)]
    targets = codes_of(labels, CLASSES)
    logits = 4.0 * np.eye(2)[np.where(correct, targets, 1 - targets)]
    rows = rows_of(labels, source="s").assign(source=source)
    write_predictions(predictions_table(rows, logits, 1.0, classes=CLASSES), path)
    return path


def files(folder: Path, protocol: str = "leak_free", synthetic: str = LEFT_OVER) -> GainFiles:
    return GainFiles(
        f"mine_{protocol}",
        protocol,
        predictions(folder / f"{protocol}_test.parquet", {"a": (60, 80), "b": (10, 20)}),
        predictions(folder / f"{protocol}_synthetic.parquet", {"a": (0, 0), "b": (48, 50)}, synthetic),
        predictions(folder / f"{protocol}_training.parquet", {"a": (30, 30), "b": (10, 10)}),
    )


def test_mixtures_have_the_scores_of_their_counts(tmp_path: Path) -> None:
    table = protocol_gain([files(tmp_path)], seed=1)
    assert table["test_part"].tolist() == [LEAK_FREE, *[SYNTHETIC] * len(SHARES), *[COPIES] * len(SHARES)]
    first = table.iloc[0]
    assert (first["accuracy"], first["balanced_accuracy"], first["accuracy_gain"]) == ("0.7000", "0.6250", "0.0000")
    assert (first["accuracy_gain_low"], first["accuracy_gain_high"]) == ("0.0000", "0.0000")
    half = table[(table["test_part"] == SYNTHETIC) & (table["share_of_other_images"] == "0.50")].iloc[0]
    # 100 real and, each counted twice, 50 synthetic images: 70 + 96 of 200 right; b: 10 + 96 of 20 + 100.
    assert float(half["accuracy"]) == pytest.approx(166 / 200)
    assert float(half["balanced_accuracy"]) == pytest.approx((60 / 80 + 106 / 120) / 2, abs=5e-5)
    assert float(half["accuracy_gain"]) == pytest.approx(166 / 200 - 0.7)
    assert float(half["accuracy_low"]) < 166 / 200 < float(half["accuracy_high"])
    copies = table[(table["test_part"] == COPIES) & (table["share_of_other_images"] == "0.90")].iloc[0]
    assert float(copies["accuracy"]) == pytest.approx(0.1 * 0.7 + 0.9)
    assert (half["other_images_trained_on"], copies["other_images_trained_on"]) == (0, 40)


def test_the_thesiss_protocol_has_one_row_at_its_own_share(tmp_path: Path) -> None:
    table = protocol_gain([files(tmp_path), files(tmp_path, "thesis", IN_TEST_PART)], seed=1)
    rows = table[table["protocol"] == "thesis"]
    assert rows["test_part"].tolist() == [THESIS]
    assert rows["share_of_other_images"].tolist() == ["0.33"]
    assert float(rows["accuracy"].iloc[0]) == pytest.approx((70 + 48) / 150, abs=5e-5)


def test_synthetic_images_that_were_trained_on_are_counted(tmp_path: Path) -> None:
    table = protocol_gain([files(tmp_path, synthetic=TRAINED_ON)], seed=1)
    assert set(table.loc[table["test_part"] == SYNTHETIC, "other_images_trained_on"]) == {50}


def test_without_synthetic_images_the_figure_says_so(tmp_path: Path) -> None:
    table = protocol_gain([], seed=1)
    assert "accuracy_gain_high" in table
    assert not len(table)
    protocol_gain_figure(table, tmp_path / "none.svg")
    assert "no compared experiment" in (tmp_path / "none.svg").read_text("utf-8")
    protocol_gain_figure(protocol_gain([files(tmp_path), files(tmp_path, "thesis")], seed=1), tmp_path / "some.svg")
    assert THESIS in (tmp_path / "some.svg").read_text("utf-8")


def test_synthetic_images_are_left_over_or_else_those_trained_on(tmp_path: Path) -> None:
    run = build_balance_run(tmp_path)
    indexes = {name: run.sets[name].index for name in run.gates}
    rows = build_balanced(run, target_per_class=20)
    chosen = synthetic_images(rows, indexes, run.gates)
    used = set(rows.loc[rows["origin"] == "synthetic", "image_id"])
    left = chosen[chosen["source"] == LEFT_OVER]
    trained = chosen[chosen["source"] == TRAINED_ON]
    accepted = {i for gate in run.gates.values() for i in gate.loc[gate["accepted"], "image_id"]}
    assert not used & set(left["image_id"])
    assert set(left["image_id"]) == accepted - used
    assert set(trained["image_id"]) <= used
    assert not set(trained["label"]) & set(left["label"])
    assert set(chosen["label"]) == {"basophil", "monocyte", "promyelocyte"}
    assert {LEFT_OVER, TRAINED_ON} == set(chosen["source"])


def test_under_thesis_they_are_those_of_the_test_part(tmp_path: Path) -> None:
    run = build_balance_run(tmp_path, "thesis")
    rows = build_balanced(run, "thesis", target_per_class=60)
    chosen = synthetic_images(rows, {name: run.sets[name].index for name in run.gates}, run.gates)
    expected = rows.loc[(rows["origin"] == "synthetic") & (rows["part"] == "test"), "image_id"]
    assert chosen["image_id"].tolist() == expected.tolist()
    assert set(chosen["source"]) == {IN_TEST_PART}


def test_a_set_that_no_class_needs_filled_leaves_all_accepted_images(tmp_path: Path) -> None:
    run = build_balance_run(tmp_path)
    rows = build_balanced(run, target_per_class=1)
    assert (rows["origin"] == "real").all()
    chosen = synthetic_images(rows, {name: run.sets[name].index for name in run.gates}, run.gates)
    accepted = {i for gate in run.gates.values() for i in gate.loc[gate["accepted"], "image_id"]}
    assert set(chosen["image_id"]) == accepted
    assert set(chosen["source"]) == {LEFT_OVER}


def test_without_generators_there_is_no_synthetic_image(tmp_path: Path) -> None:
    run = build_balance_run(tmp_path)
    rows = build_balanced(run, generators={})
    assert synthetic_images(rows, {}, {}).empty


def test_a_trained_model_predicts_both_parts(tmp_path: Path) -> None:
    run = build_balance_run(tmp_path)
    rows, labels = build_balanced(run), np.array([*LEVELS, "promyelocyte"])
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    spec = ModelSpec.from_plain({"method": "naive_bayes", "settings": {"side": 4, "var_smoothing": 1e-9}})
    classes = ("basophil", "monocyte", "platelet", "promyelocyte")
    model = spec.build(classes=classes, size=16, runtime=runtime)
    pixels = np.random.default_rng(1).integers(0, 256, (8, 16, 16, 3), np.uint8)
    data = ModelData(Images(pixels, np.repeat(labels, 2)), Images(pixels[:0], labels[:0]))
    model.fit(data, FitJob(runtime, tmp_path, tmp_path / "history.jsonl", threads=1, seed=1))
    model.save(tmp_path / "weights.safetensors")
    out = OtherParts(tmp_path / "synthetic.parquet", tmp_path / "training.parquet")
    predict_other_parts(tmp_path / "weights.safetensors", rows, run.sets, run.gates, runtime, out, threads=1)
    training = rows[(rows["origin"] == "real") & (rows["part"] == "train")]
    assert set(read_predictions(out.training)["image_id"]) == set(training["image_id"])
    chosen = synthetic_images(rows, {name: run.sets[name].index for name in run.gates}, run.gates)
    written: pd.DataFrame = read_predictions(out.synthetic)
    assert set(written["image_id"]) == set(chosen["image_id"])
    assert set(written["source"]) == set(chosen["source"])
