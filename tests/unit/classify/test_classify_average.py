"""The mean of the predictions of several models."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.predictions import predictions
from hemabalance.classify.average import average_predictions, mean_probabilities
from hemabalance.classify.predictions import (
    classes_of,
    codes_of,
    probabilities_of,
    probability_columns,
    read_predictions,
    write_predictions,
)
from hemabalance.errors import InputError


def tables(*skills: float) -> list[pd.DataFrame]:
    """Predictions of the same images by models of different skill."""
    labels = predictions()["label"].tolist()
    made = [predictions(seed=index, skill=skill) for index, skill in enumerate(skills)]
    first = made[0].assign(label=labels)
    return [table.assign(label=first["label"]) for table in made]


def averaged(folder: Path, made: list[pd.DataFrame]) -> pd.DataFrame:
    paths = [folder / f"{index}.parquet" for index in range(len(made))]
    for path, table in zip(paths, made, strict=True):
        write_predictions(table, path)
    average_predictions(paths, folder / "out", experiment="two", protocol="leak_free", seed=3, resample_seed=5)
    return read_predictions(folder / "out" / "predictions.parquet")


def test_probabilities_are_the_mean_of_the_members(tmp_path: Path) -> None:
    made = tables(2.0, 0.5, 1.0)
    table = averaged(tmp_path, made)
    mean = np.mean([probabilities_of(member).astype(float) for member in made], axis=0)
    np.testing.assert_allclose(probabilities_of(table), mean, atol=1e-7)
    assert codes_of(table["predicted"], classes_of(table)).tolist() == mean.argmax(1).tolist()
    assert table["image_id"].equals(made[0]["image_id"])
    assert table["label"].equals(made[0]["label"])


def test_a_probability_of_zero_is_averaged_too(tmp_path: Path) -> None:
    sure = tables(1.0)[0].iloc[:1].copy()
    sure[probability_columns(classes_of(sure))] = np.float32([1.0] + [0.0] * 11)
    sure["predicted"], sure["confidence"] = classes_of(sure)[0], np.float32(1)
    table = averaged(tmp_path, [sure, sure.copy()])
    np.testing.assert_allclose(probabilities_of(table)[0], [1.0] + [0.0] * 11, atol=1e-20)


def test_metrics_have_the_form_of_an_experiment(tmp_path: Path) -> None:
    table = averaged(tmp_path, tables(2.0, 2.0))
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["experiment"], metrics["protocol"], metrics["seed"], metrics["n"]) == ("two", "leak_free", 3, 120)
    accuracy = (table["predicted"] == table["label"]).mean()
    assert metrics["metrics"]["accuracy"]["value"] == pytest.approx(accuracy)
    assert metrics["calibration"]["temperature"] == 1
    assert metrics["calibration"] == json.loads((tmp_path / "out" / "calibration.json").read_text())


def test_predictions_of_other_images_labels_or_classes_are_refused() -> None:
    first = tables(1.0)[0]
    for other in (
        first.iloc[1:].reset_index(drop=True),
        first.assign(label=first["label"].iloc[::-1].tolist()),
        first.drop(columns=probability_columns(classes_of(first))[-1]),
    ):
        with pytest.raises(InputError, match=r"b: holds predictions of other test images or classes than a"):
            mean_probabilities([first, other], ["a", "b"])
