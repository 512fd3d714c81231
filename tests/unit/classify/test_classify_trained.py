"""Evaluation of a trained model on its balanced set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.model_folders import BAYES, EACH, LABELS, ModelFolder, build_model_folder, runtime
from helpers.thesis import CLASSES
from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector, read_detector
from hemabalance.classify.predict_balanced import PredictionFiles, predict_balanced
from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError

IMAGES_PER_PART = {part: n * len(LABELS) * 2 for part, n in EACH.items()}


class RecordingImageSet(ImageSet):
    """An image set that records which images were read."""

    def decode_all(self, *, threads: int, where: np.ndarray | None = None, out: np.ndarray | None = None) -> np.ndarray:
        assert where is not None
        self.decoded = [*getattr(self, "decoded", []), *where.tolist()]
        return super().decode_all(threads=threads, where=where, out=out)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return build_model_folder(tmp_path_factory.mktemp("models") / "model", BAYES)


def evaluate_model(
    model: ModelFolder, folder: Path, rows: pd.DataFrame, quantile: float = 0.99
) -> tuple[pd.DataFrame, dict[str, Any], OutOfDistributionDetector, list[int]]:
    """Predictions, calibration, detector, and the positions of the images that were read."""
    files = {
        "predictions": folder / "p.parquet",
        "calibration": folder / "c.json",
        "out_of_distribution": folder / "u.safetensors",
    }
    with RecordingImageSet(model.folder / "real.zip", model.folder / "real_images.parquet") as image_set:
        sets = {"real": image_set}
        predict_balanced(
            model.weights,
            rows,
            sets,
            runtime(),
            PredictionFiles(**files),
            classes=CLASSES,
            quantile=quantile,
            threads=1,
        )
        decoded = image_set.decoded
    calibration = json.loads(files["calibration"].read_text())
    return read_predictions(files["predictions"]), calibration, read_detector(files["out_of_distribution"]), decoded


def rows_of(model: ModelFolder) -> pd.DataFrame:
    return read_balanced(model.folder / "images.parquet")


def test_every_image_is_read_once(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    table, calibration, detector, decoded = evaluate_model(model, tmp_path, rows)
    assert sorted(decoded) == list(range(len(rows)))
    assert sorted(table["image_id"]) == sorted(rows.loc[rows["part"] == "test", "image_id"])
    assert calibration["validation"]["n"] == IMAGES_PER_PART["validation"]
    assert (detector.training, detector.validation) == (IMAGES_PER_PART["train"], IMAGES_PER_PART["validation"])


def test_synthetic_images_are_used_for_calibration_only(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    synthetic = rows.groupby("part").head(5).index
    table, calibration, detector, _ = evaluate_model(
        model, tmp_path, rows.assign(origin=rows["origin"].where(~rows.index.isin(synthetic), "synthetic"))
    )
    assert not set(table["image_id"]) & set(rows.loc[synthetic, "image_id"])
    assert len(table) == IMAGES_PER_PART["test"] - 5
    assert calibration["validation"]["n"] == IMAGES_PER_PART["validation"]
    assert (detector.training, detector.validation) == (IMAGES_PER_PART["train"] - 5, IMAGES_PER_PART["validation"] - 5)


def test_the_quantile_changes_only_the_threshold(model: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "high").mkdir()
    (tmp_path / "low").mkdir()
    high, high_calibration, high_detector, _ = evaluate_model(model, tmp_path / "high", rows_of(model), 0.99)
    low, low_calibration, low_detector, _ = evaluate_model(model, tmp_path / "low", rows_of(model), 0.6)
    assert low_detector.threshold < high_detector.threshold
    np.testing.assert_array_equal(low_detector.precisions, high_detector.precisions)
    assert high.equals(low)
    assert high_calibration == low_calibration


def test_without_validation_images_training_images_set_the_threshold(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    _, calibration, detector, _ = evaluate_model(model, tmp_path, rows[rows["part"] != "validation"])
    assert (calibration["temperature"], calibration["validation"]["n"]) == (1.0, 0)
    assert detector.validation == 0
    assert 0 < detector.threshold < np.inf


def test_too_few_real_training_images_are_refused_and_nothing_is_written(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    few = rows.drop(index=rows[rows["part"] == "train"].index[9:])
    with pytest.raises(InputError, match=r"too few \(9\)"):
        evaluate_model(model, tmp_path, few)
    assert list(tmp_path.iterdir()) == []
