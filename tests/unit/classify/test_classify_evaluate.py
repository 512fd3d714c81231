"""Calibration of a model, and the table of its predictions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.predictions import logits_of, predictions, random_labels, rows_of
from helpers.thesis import CLASSES
from hemabalance.classify.evaluate import outputs, predict_test
from hemabalance.classify.measure import measure
from hemabalance.classify.predictions import (
    classes_of,
    codes_of,
    predictions_table,
    probabilities_of,
    probability_columns,
    read_predictions,
    write_predictions,
)
from hemabalance.errors import InputError
from hemabalance.metrics.calibration import COLDEST, tempered

# --- the table of predictions


def test_predictions_are_sorted_and_sum_to_one(tmp_path: Path) -> None:
    rows = rows_of(random_labels(50)).iloc[::-1]
    logits = logits_of(rows)
    table = predictions_table(rows, logits, 2.0, classes=CLASSES)
    assert list(table.columns) == [
        "image_id",
        "source",
        "label",
        "predicted",
        "confidence",
        *probability_columns(CLASSES),
    ]
    assert table["image_id"].tolist() == sorted(rows["image_id"])
    np.testing.assert_allclose(probabilities_of(table).sum(1), 1, atol=1e-6)
    expected = pd.Series(np.array(CLASSES)[logits.argmax(1)], index=rows["image_id"])
    assert table.set_index("image_id")["predicted"].to_dict() == expected.to_dict()
    np.testing.assert_allclose(probabilities_of(table)[::-1], tempered(logits, 2.0), rtol=1e-6)
    write_predictions(table, tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet").equals(table)


def test_rounded_ties_do_not_change_the_predicted_class() -> None:
    rows = rows_of(["platelet"])
    logits = np.zeros((1, 12))
    logits[0, 7] = 1e-4
    table = predictions_table(rows, logits, 1e4, classes=CLASSES)
    assert probabilities_of(table)[0].max() == probabilities_of(table)[0].min()
    assert table["predicted"].tolist() == ["myeloblast"]


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (lambda t: t.assign(p_basophil=np.float32(0.9)), "probabilities sum to 1"),
        (lambda t: t.assign(confidence=np.float32(0.999)), "the confidence is the highest probability"),
        (lambda t: t.assign(predicted="platelet"), "that of the predicted class"),
        (lambda t: t.iloc[::-1], "sorted by image_id"),
        (lambda t: t.assign(label="blast"), "label and predicted are classes"),
        (lambda t: t.assign(predicted="blast"), "label and predicted are classes"),
        (lambda t: t.drop(columns="p_platelet"), "label and predicted are classes"),
        (lambda t: t.drop(columns=[f"p_{label}" for label in CLASSES]), "p_"),
        (lambda t: t[[*t.columns[:5], *t.columns[:4:-1]]], "alphabetical order"),
        (lambda t: t.assign(more=1), "more"),
    ],
)
def test_an_invalid_table_of_predictions_is_refused(tmp_path: Path, corrupt: Callable[..., Any], message: str) -> None:
    corrupt(predictions()).to_parquet(tmp_path / "p.parquet", index=False)
    with pytest.raises(InputError, match=message) as caught:
        read_predictions(tmp_path / "p.parquet")
    assert str(tmp_path / "p.parquet") in str(caught.value)


@pytest.mark.parametrize(("logits", "message"), [(np.zeros((2, 12)), "shape"), (np.full((1, 12), np.nan), "finite")])
def test_logits_of_another_shape_or_not_finite_are_refused(logits: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictions_table(rows_of(["platelet"]), logits, 1.0, classes=CLASSES)


def test_a_table_carries_its_classes() -> None:
    rows = rows_of(["x", "beta_cell", "x"])
    table = predictions_table(rows, np.eye(3)[[2, 0, 1]] * 9, 1.0, classes=("beta_cell", "p_x", "x"))
    assert classes_of(table) == ("beta_cell", "p_x", "x")
    assert table["predicted"].tolist() == ["x", "beta_cell", "p_x"]
    assert codes_of(table["predicted"], classes_of(table)).tolist() == [2, 0, 1]


# --- predicting the test images


class Lookup:
    """A model with a table of logits, indexed by the first pixel of an image."""

    def __init__(self, logits: np.ndarray) -> None:
        self.classes, self.table = CLASSES, logits

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        assert len(pixels)
        return self.table[pixels[:, 0, 0, 0]]


def indexed_images(indices: np.ndarray) -> np.ndarray:
    return np.broadcast_to(indices.astype(np.uint8)[:, None, None, None], (len(indices), 4, 4, 3))


def evaluate(
    folder: Path, logits: np.ndarray, rows: pd.DataFrame, validation: int, trained_classes: tuple[str, ...] = CLASSES
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predictions and calibration; the first `validation` images are for validation, the others for the test."""
    indices = np.arange(len(rows))
    model = Lookup(logits)
    validation_logits, test_logits = (
        outputs(model, indexed_images(part)) for part in (indices[:validation], indices[validation:])
    )
    labels = rows["label"].to_numpy(dtype=str)[:validation]
    paths = {"predictions": folder / "p.parquet", "calibration": folder / "c.json"}
    predict_test(
        labels,
        validation_logits,
        rows.iloc[validation:],
        test_logits,
        classes=CLASSES,
        trained_classes=trained_classes,
        **paths,
    )
    return read_predictions(paths["predictions"]), json.loads(paths["calibration"].read_text("utf-8"))


def test_overconfidence_is_calibrated_on_the_validation_images(tmp_path: Path) -> None:
    rows = rows_of(random_labels(250))
    logits = 5 * logits_of(rows, skill=1.5)
    table, calibration = evaluate(tmp_path, logits, rows, 120)
    assert (calibration["validation"]["n"], calibration["test"]["n"], len(table)) == (120, 130, 130)
    assert calibration["temperature"] > 2
    for part in ("validation", "test"):
        assert calibration[part]["nll_after"] < calibration[part]["nll_before"]
    assert calibration["test"]["ece_after"] < calibration["test"]["ece_before"] / 2
    assert not calibration["validation"]["at_bound"]
    assert sum(bin_["n"] for bin_ in calibration["test"]["bins"]) == 130
    np.testing.assert_allclose(probabilities_of(table), tempered(logits[120:], calibration["temperature"]), rtol=1e-5)


def test_the_temperature_does_not_depend_on_test_images(tmp_path: Path) -> None:
    rows = rows_of(random_labels(120))
    logits = logits_of(rows)
    _, before = evaluate(tmp_path, logits, rows, 60)
    logits[60:] *= 9
    _, after = evaluate(tmp_path, logits, rows, 60)
    assert before["temperature"] == after["temperature"]
    assert before["test"]["nll_before"] != after["test"]["nll_before"]


def test_validation_images_of_a_class_never_trained_on_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(["platelet", "neutrophil"] * 40 + ["monoblast"] * 4 + ["platelet"] * 10)
    logits = logits_of(rows, skill=3.0)
    logits[:, CLASSES.index("monoblast")] = -1e9
    trained = ("neutrophil", "platelet")
    _, calibration = evaluate(tmp_path, logits, rows, 84, trained)
    assert calibration["validation"]["n"] == 80
    assert calibration["temperature"] < 5


def test_perfect_validation_keeps_the_temperature_in_its_bounds(tmp_path: Path) -> None:
    rows = rows_of(random_labels(60))
    table, calibration = evaluate(tmp_path, logits_of(rows, skill=50), rows, 30)
    assert (calibration["temperature"], calibration["validation"]["at_bound"]) == (COLDEST, True)
    assert (table["predicted"] == table["label"]).all()


def test_no_validation_and_no_test_image(tmp_path: Path) -> None:
    rows = rows_of(random_labels(20))
    _, calibration = evaluate(tmp_path, logits_of(rows), rows, 0)
    assert (calibration["temperature"], calibration["validation"]["nll_after"]) == (1.0, None)
    assert calibration["test"]["ece_after"] == calibration["test"]["ece_before"]
    table, calibration = evaluate(tmp_path, logits_of(rows), rows, 20)
    assert (len(table), calibration["test"]["ece_after"], calibration["test"]["nll_before"]) == (0, None, None)
    metrics = measure(table, calibration, experiment="e", protocol="leak_free", seed=1, resample_seed=1)
    assert {metric["value"] for metric in metrics["metrics"].values()} == {None}
    assert "no test images" in metrics["notes"]["classes"]


def test_logits_that_are_not_finite_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    rows = rows_of(random_labels(20))
    logits = logits_of(rows)
    logits[15, 3] = np.nan
    with pytest.raises(InputError, match="not finite numbers"):
        evaluate(tmp_path, logits, rows, 10)
    assert list(tmp_path.iterdir()) == []
