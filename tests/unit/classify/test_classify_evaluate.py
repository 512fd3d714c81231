"""From what a model says of images to the table of predictions, and the temperature in between."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.predictions import logits_of, predictions, rows_of, some_labels
from hemabalance.classify.evaluate import outputs, predict_test
from hemabalance.classify.measure import measure
from hemabalance.classify.predictions import (
    PROBABILITIES,
    SCHEMA,
    make_predictions,
    probabilities_of,
    read_predictions,
    write_predictions,
)
from hemabalance.errors import InputError
from hemabalance.metrics.calibration import COLDEST, tempered
from hemabalance.taxonomy import CLASSES

# --- the table of predictions


def test_predictions_are_sorted_and_sum_to_one(tmp_path: Path) -> None:
    rows = rows_of(some_labels(50)).iloc[::-1]
    logits = logits_of(rows)
    table = make_predictions(rows, logits, 2.0)
    assert list(table.columns) == ["image_id", "source", "label", "predicted", "confidence", *PROBABILITIES]
    assert table["image_id"].tolist() == sorted(rows["image_id"])
    np.testing.assert_allclose(probabilities_of(table).sum(1), 1, atol=1e-6)
    expected = pd.Series(np.array(CLASSES)[logits.argmax(1)], index=rows["image_id"])
    assert table.set_index("image_id")["predicted"].to_dict() == expected.to_dict()
    np.testing.assert_allclose(probabilities_of(table)[::-1], tempered(logits, 2.0), rtol=1e-6)
    write_predictions(table, tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet").equals(table)


def test_a_class_that_rounding_ties_is_still_the_one_predicted() -> None:
    rows = rows_of(["platelet"])
    logits = np.zeros((1, 12))
    logits[0, 7] = 1e-4
    table = make_predictions(rows, logits, 1e4)
    assert probabilities_of(table)[0].max() == probabilities_of(table)[0].min()
    assert table["predicted"].tolist() == ["myeloblast"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.assign(p_basophil=np.float32(0.9)), "probabilities sum to 1"),
        (lambda t: t.assign(confidence=np.float32(0.999)), "the confidence is the highest probability"),
        (lambda t: t.assign(predicted="platelet"), "that of the predicted class"),
        (lambda t: t.iloc[::-1], "sorted by image_id"),
        (lambda t: t.assign(label="blast"), "label"),
        (lambda t: t.drop(columns="p_platelet"), "p_platelet"),
    ],
)
def test_a_spoilt_table_of_predictions_is_refused(tmp_path: Path, spoil: Callable[..., Any], said: str) -> None:
    spoil(predictions()).to_parquet(tmp_path / "p.parquet", index=False)
    with pytest.raises(InputError, match=said) as caught:
        read_predictions(tmp_path / "p.parquet")
    assert str(tmp_path / "p.parquet") in str(caught.value)


@pytest.mark.parametrize(("logits", "said"), [(np.zeros((2, 12)), "shape"), (np.full((1, 12), np.nan), "finite")])
def test_logits_that_do_not_fit_their_rows(logits: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_predictions(rows_of(["platelet"]), logits, 1.0)


def test_every_prediction_column_is_in_the_schema() -> None:
    assert [name.removeprefix("p_") for name in list(SCHEMA.columns)[5:]] == list(CLASSES)


# --- predicting the test images


class Lookup:
    """A model that has learned each image by heart: a picture's first pixel is its place among known logits."""

    def __init__(self, logits: np.ndarray) -> None:
        self.classes, self.known, self.asked = CLASSES, logits, 0

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        assert len(pixels)
        self.asked += len(pixels)
        return self.known[pixels[:, 0, 0, 0]]


def pictures(places: np.ndarray) -> np.ndarray:
    return np.broadcast_to(places.astype(np.uint8)[:, None, None, None], (len(places), 4, 4, 3))


def evaluated(
    folder: Path, logits: np.ndarray, rows: pd.DataFrame, checked: int, trained: tuple[str, ...] = CLASSES
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Of the pictures, the first `checked` are for validation and the others for the test."""
    places = np.arange(len(rows))
    seen, said = (outputs(Lookup(logits), pictures(part)) for part in (places[:checked], places[checked:]))
    labels = rows["label"].to_numpy(dtype=str)[:checked]
    paths = {"predictions": folder / "p.parquet", "calibration": folder / "c.json"}
    predict_test(labels, seen, rows.iloc[checked:], said, trained=trained, **paths)
    return read_predictions(paths["predictions"]), json.loads(paths["calibration"].read_text("utf-8"))


def test_a_boaster_is_calibrated_on_the_validation_images(tmp_path: Path) -> None:
    rows = rows_of(some_labels(250))
    logits = 5 * logits_of(rows, skill=1.5)
    table, calibration = evaluated(tmp_path, logits, rows, 120)
    assert (calibration["validation"]["n"], calibration["test"]["n"], len(table)) == (120, 130, 130)
    assert calibration["temperature"] > 2
    for part in ("validation", "test"):
        assert calibration[part]["nll_after"] < calibration[part]["nll_before"]
    assert calibration["test"]["ece_after"] < calibration["test"]["ece_before"] / 2
    assert not calibration["validation"]["at_bound"]
    assert sum(one["n"] for one in calibration["test"]["bins"]) == 130
    np.testing.assert_allclose(probabilities_of(table), tempered(logits[120:], calibration["temperature"]), rtol=1e-5)


def test_the_temperature_sees_no_test_image(tmp_path: Path) -> None:
    rows = rows_of(some_labels(120))
    logits = logits_of(rows)
    _, one = evaluated(tmp_path, logits, rows, 60)
    logits[60:] *= 9
    _, other = evaluated(tmp_path, logits, rows, 60)
    assert one["temperature"] == other["temperature"]
    assert one["test"]["nll_before"] != other["test"]["nll_before"]


def test_validation_images_of_a_class_never_trained_on_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(["platelet", "neutrophil"] * 40 + ["monoblast"] * 4 + ["platelet"] * 10)
    logits = logits_of(rows, skill=3.0)
    logits[:, CLASSES.index("monoblast")] = -1e9
    trained = ("neutrophil", "platelet")
    _, calibration = evaluated(tmp_path, logits, rows, 84, trained)
    assert calibration["validation"]["n"] == 80
    assert calibration["temperature"] < 5


def test_perfect_validation_keeps_the_temperature_in_its_bounds(tmp_path: Path) -> None:
    rows = rows_of(some_labels(60))
    table, calibration = evaluated(tmp_path, logits_of(rows, skill=50), rows, 30)
    assert (calibration["temperature"], calibration["validation"]["at_bound"]) == (COLDEST, True)
    assert (table["predicted"] == table["label"]).all()


def test_no_validation_and_no_test_image(tmp_path: Path) -> None:
    rows = rows_of(some_labels(20))
    _, calibration = evaluated(tmp_path, logits_of(rows), rows, 0)
    assert (calibration["temperature"], calibration["validation"]["nll_after"]) == (1.0, None)
    assert calibration["test"]["ece_after"] == calibration["test"]["ece_before"]
    table, calibration = evaluated(tmp_path, logits_of(rows), rows, 20)
    assert (len(table), calibration["test"]["ece_after"], calibration["test"]["nll_before"]) == (0, None, None)
    metrics = measure(table, calibration, experiment="e", protocol="leak_free", seed=1, resample_seed=1)
    assert {one["value"] for one in metrics["metrics"].values()} == {None}
    assert "no test image" in metrics["notes"]["classes"]


def test_outputs_that_are_no_numbers_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    rows = rows_of(some_labels(20))
    logits = logits_of(rows)
    logits[15, 3] = np.nan
    with pytest.raises(InputError, match="not finite numbers"):
        evaluated(tmp_path, logits, rows, 10)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_other_classes_is_refused() -> None:
    model = Lookup(np.zeros((3, 12), np.float32))
    model.classes = CLASSES[::-1]
    with pytest.raises(ValueError, match="not the twelve"):
        outputs(model, pictures(np.arange(0)))
