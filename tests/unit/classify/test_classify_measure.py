"""The metrics of predictions: `metrics.json`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.predictions import logits_of, measure_table, predictions, random_labels, rows_of
from helpers.thesis import CLASSES
from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.predictions import predictions_table, write_predictions

HEADLINE = {
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_auroc",
    "expected_calibration_error",
    "negative_log_likelihood",
}
CLASS_METRICS = {"sensitivity", "specificity", "one_vs_rest_accuracy", "precision", "f1", "auroc"}


def test_metrics_have_the_documented_shape() -> None:
    metrics = measure_table(predictions(300), seed=3)
    head = {name: metrics[name] for name in ("experiment", "protocol", "seed", "n", "calibration", "notes")}
    named = {"experiment": "e", "protocol": "leak_free", "seed": 3}
    assert head == named | {"n": 300, "calibration": {"temperature": 1.0}, "notes": {}}
    assert set(metrics["metrics"]) == HEADLINE
    for metric in metrics["metrics"].values():
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["n"] == 300
    assert [row["label"] for row in metrics["classes"]] == list(CLASSES)
    assert all(set(row) == {"label", "n"} | CLASS_METRICS for row in metrics["classes"])
    assert sum(row["n"] for row in metrics["classes"]) == 300
    assert metrics["confusion"]["classes"] == list(CLASSES)
    counts = np.array(metrics["confusion"]["counts"])
    assert counts.sum() == 300
    assert metrics["metrics"]["accuracy"]["value"] == pytest.approx(np.trace(counts) / 300)
    assert "split after balancing" in measure_table(predictions(), protocol="thesis")["how"]["protocol"].lower()


def test_sources_are_measured_separately() -> None:
    good, bad = rows_of(random_labels(60)), rows_of(random_labels(40, seed=2), "tcia")
    logits = np.concatenate([logits_of(good, skill=50), logits_of(bad, skill=-50)])
    table = predictions_table(pd.concat([good, bad]), logits, 1.0, classes=CLASSES)
    metrics = measure_table(table)
    by_source = {row["source"]: row for row in metrics["sources"]}
    assert {source: row["n"] for source, row in by_source.items()} == {"mendeley": 60, "tcia": 40}
    assert all(set(row) == {"source", "n"} | HEADLINE for row in metrics["sources"])
    assert by_source["mendeley"]["accuracy"]["value"] == 1
    assert by_source["tcia"]["accuracy"]["value"] == 0
    assert metrics["metrics"]["accuracy"]["value"] == 0.6
    single = measure_table(table[table["source"] == "mendeley"])
    assert single["metrics"] == {name: by_source["mendeley"][name] for name in HEADLINE}
    assert [row["source"] for row in single["sources"]] == ["mendeley"]


def test_a_class_without_a_test_image_is_null_and_named() -> None:
    metrics = measure_table(predictions(200, classes=CLASSES[:9]))
    for row in metrics["classes"][9:]:
        assert row["n"] == 0
        assert {row[name]["value"] for name in CLASS_METRICS} == {None}
    for label in CLASSES[9:]:
        assert label in metrics["notes"]["classes"]
    assert CLASSES[0] not in metrics["notes"]["classes"]
    present = [row["sensitivity"]["value"] for row in metrics["classes"][:9]]
    assert metrics["metrics"]["balanced_accuracy"]["value"] == pytest.approx(np.mean(present))


def test_a_single_test_image_and_a_perfect_score_are_noted() -> None:
    metrics = measure_table(predictions_table(rows_of(["platelet"]), np.eye(12)[[9]] * 9, 1.0, classes=CLASSES))
    assert metrics["metrics"]["accuracy"]["value"] == 1
    assert metrics["metrics"]["macro_f1"] == {"value": 1.0, "low": None, "high": None, "n": 1}
    assert "platelet" in metrics["notes"]["lone"]
    perfect = measure_table(predictions(100, skill=50))
    assert "balanced_accuracy" in perfect["notes"]["no_spread"]


def test_files_give_the_same_metrics_as_tables(tmp_path: Path) -> None:
    table = predictions()
    write_predictions(table, tmp_path / "p.parquet")
    (tmp_path / "c.json").write_text('{"temperature": 1.0}', "utf-8")
    out = tmp_path / "metrics.json"
    for _ in range(2):
        measure_predictions(
            tmp_path / "p.parquet",
            tmp_path / "c.json",
            out,
            experiment="e",
            protocol="leak_free",
            seed=1,
            resample_seed=5,
        )
        assert json.loads(out.read_text("utf-8")) == measure_table(table)
