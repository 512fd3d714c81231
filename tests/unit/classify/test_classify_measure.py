"""What is measured of predictions: `metrics.json`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.predictions import logits_of, measured, predictions, rows_of, some_labels
from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.predictions import make_predictions, write_predictions
from hemabalance.taxonomy import CLASSES

HEADLINE = {
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_auroc",
    "expected_calibration_error",
    "negative_log_likelihood",
}
OF_CLASS = {"sensitivity", "specificity", "one_vs_rest_accuracy", "precision", "f1", "auroc"}


def test_metrics_have_the_documented_shape() -> None:
    found = measured(predictions(300), seed=3)
    head = {name: found[name] for name in ("experiment", "protocol", "seed", "n", "calibration", "notes")}
    named = {"experiment": "e", "protocol": "leak_free", "seed": 3}
    assert head == named | {"n": 300, "calibration": {"temperature": 1.0}, "notes": {}}
    assert set(found["metrics"]) == HEADLINE
    for one in found["metrics"].values():
        assert one["low"] <= one["value"] <= one["high"]
        assert one["n"] == 300
    assert [row["label"] for row in found["classes"]] == list(CLASSES)
    assert all(set(row) == {"label", "n"} | OF_CLASS for row in found["classes"])
    assert sum(row["n"] for row in found["classes"]) == 300
    assert found["confusion"]["classes"] == list(CLASSES)
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum() == 300
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(np.trace(counts) / 300)
    assert "split after balancing" in measured(predictions(), protocol="thesis")["how"]["protocol"].lower()


def test_sources_are_measured_apart() -> None:
    good, bad = rows_of(some_labels(60)), rows_of(some_labels(40, seed=2), "tcia")
    logits = np.concatenate([logits_of(good, skill=50), logits_of(bad, skill=-50)])
    table = make_predictions(pd.concat([good, bad]), logits, 1.0)
    found = measured(table)
    of_source = {row["source"]: row for row in found["sources"]}
    assert {source: row["n"] for source, row in of_source.items()} == {"mendeley": 60, "tcia": 40}
    assert all(set(row) == {"source", "n"} | HEADLINE for row in found["sources"])
    assert of_source["mendeley"]["accuracy"]["value"] == 1
    assert of_source["tcia"]["accuracy"]["value"] == 0
    assert found["metrics"]["accuracy"]["value"] == 0.6
    alone = measured(table[table["source"] == "mendeley"])
    assert alone["metrics"] == {name: of_source["mendeley"][name] for name in HEADLINE}
    empty = next(row for row in alone["sources"] if row["source"] == "tcia")
    assert (empty["n"], empty["accuracy"]["value"], empty["macro_auroc"]["value"]) == (0, None, None)


def test_a_class_without_a_test_image_is_null_and_named() -> None:
    found = measured(predictions(200, classes=CLASSES[:9]))
    for row in found["classes"][9:]:
        assert row["n"] == 0
        assert {row[name]["value"] for name in OF_CLASS} == {None}
    for label in CLASSES[9:]:
        assert label in found["notes"]["classes"]
    assert CLASSES[0] not in found["notes"]["classes"]
    present = [row["sensitivity"]["value"] for row in found["classes"][:9]]
    assert found["metrics"]["balanced_accuracy"]["value"] == pytest.approx(np.mean(present))


def test_a_single_test_image_and_a_perfect_score_are_told() -> None:
    found = measured(make_predictions(rows_of(["platelet"]), np.eye(12)[[9]] * 9, 1.0))
    assert found["metrics"]["accuracy"]["value"] == 1
    assert found["metrics"]["macro_f1"] == {"value": 1.0, "low": None, "high": None, "n": 1}
    assert "platelet" in found["notes"]["lone"]
    perfect = measured(predictions(100, skill=50))
    assert "balanced_accuracy" in perfect["notes"]["no_spread"]


def test_measuring_files_is_measuring_tables(tmp_path: Path) -> None:
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
        assert json.loads(out.read_text("utf-8")) == measured(table)
