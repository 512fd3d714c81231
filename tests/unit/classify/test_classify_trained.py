"""What a trained model makes of its balanced set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.model_folders import BAYES, EACH, LABELS, ModelFolder, build_model_folder, runtime
from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector, read_detector
from hemabalance.classify.predict_balanced import predict_balanced
from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError

OF_EACH = {part: n * len(LABELS) * 2 for part, n in EACH.items()}


class Counted(ImageSet):
    """An image set that remembers which images were read."""

    def decode_all(self, *, threads: int, where: np.ndarray | None = None, out: np.ndarray | None = None) -> np.ndarray:
        assert where is not None
        self.asked = [*getattr(self, "asked", []), *where.tolist()]
        return super().decode_all(threads=threads, where=where, out=out)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return build_model_folder(tmp_path_factory.mktemp("models") / "model", BAYES)


def predicted(
    model: ModelFolder, folder: Path, rows: pd.DataFrame, quantile: float = 0.99
) -> tuple[pd.DataFrame, dict[str, Any], OutOfDistributionDetector, list[int]]:
    """Predictions, calibration, look, and the images that were read for them."""
    files = {
        "predictions": folder / "p.parquet",
        "calibration": folder / "c.json",
        "out_of_distribution": folder / "u.safetensors",
    }
    with Counted(model.folder / "real.zip", model.folder / "real_images.parquet") as held:
        sets = {"real": held}
        predict_balanced(model.weights, rows, sets, runtime(), **files, quantile=quantile, threads=1)
        asked = held.asked
    calibration = json.loads(files["calibration"].read_text())
    return read_predictions(files["predictions"]), calibration, read_detector(files["out_of_distribution"]), asked


def rows_of(model: ModelFolder) -> pd.DataFrame:
    return read_balanced(model.folder / "images.parquet")


def test_every_image_is_read_once(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    table, calibration, look, asked = predicted(model, tmp_path, rows)
    assert sorted(asked) == list(range(len(rows)))
    assert sorted(table["image_id"]) == sorted(rows.loc[rows["part"] == "test", "image_id"])
    assert calibration["validation"]["n"] == OF_EACH["validation"]
    assert (look.training, look.validation) == (OF_EACH["train"], OF_EACH["validation"])


def test_synthetic_images_calibrate_but_are_neither_tested_on_nor_looked_at(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    drawn = rows.groupby("part").head(5).index
    table, calibration, look, _ = predicted(
        model, tmp_path, rows.assign(origin=rows["origin"].where(~rows.index.isin(drawn), "synthetic"))
    )
    assert not set(table["image_id"]) & set(rows.loc[drawn, "image_id"])
    assert len(table) == OF_EACH["test"] - 5
    assert calibration["validation"]["n"] == OF_EACH["validation"]
    assert (look.training, look.validation) == (OF_EACH["train"] - 5, OF_EACH["validation"] - 5)


def test_the_quantile_moves_the_threshold_alone(model: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one, at_one, far, _ = predicted(model, tmp_path / "one", rows_of(model), 0.99)
    other, at_other, near, _ = predicted(model, tmp_path / "other", rows_of(model), 0.6)
    assert near.threshold < far.threshold
    np.testing.assert_array_equal(near.precisions, far.precisions)
    assert one.equals(other)
    assert at_one == at_other


def test_without_validation_images_training_images_set_the_threshold(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    _, calibration, look, _ = predicted(model, tmp_path, rows[rows["part"] != "validation"])
    assert (calibration["temperature"], calibration["validation"]["n"]) == (1.0, 0)
    assert look.validation == 0
    assert 0 < look.threshold < np.inf


def test_too_few_real_training_images_are_refused_and_nothing_is_written(model: ModelFolder, tmp_path: Path) -> None:
    rows = rows_of(model)
    few = rows.drop(index=rows[rows["part"] == "train"].index[9:])
    with pytest.raises(InputError, match=r"too few \(9\)"):
        predicted(model, tmp_path, few)
    assert list(tmp_path.iterdir()) == []
