"""`hemabalance predict --field auto`, and the size of cells in model.json that it needs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.archives import write_folder
from helpers.cell_sizes import sizes_around
from helpers.image_files import encode
from helpers.model_folders import ModelFolder, predict, predict_error
from hemabalance.classify.model_file import frame_of, read_model_file
from hemabalance.classify.scale import training_cell_sizes
from hemabalance.dataset.scale import write_fields
from hemabalance.metrics.cell_size import CellSizes, cell_diameters, cell_sizes
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    cells = sample_cells(["basophil", "neutrophil"] * 6, seed=8, first_index=0)
    return render(cells, "a", shape=(120, 120), nuisance=True, threads=1)


@pytest.fixture(scope="module")
def sizes(photographs: np.ndarray) -> CellSizes:
    return cell_sizes(cell_diameters(image, fit="crop") for image in photographs)


def with_sizes(model: ModelFolder, folder: Path, **sizes: float) -> ModelFolder:
    """A copy of a model whose training images had cells of these sizes."""
    shutil.copytree(model.folder, folder)
    content = json.loads(model.model.read_text())
    content["frame"]["cell_sizes"] = sizes
    (folder / model.model.name).write_text(json.dumps(content))
    return replace(model, folder=folder)


def files_of(folder: Path, images: np.ndarray) -> Path:
    return write_folder(folder, {f"{number:02}.png": encode(image, "PNG") for number, image in enumerate(images)})


def test_the_cells_get_the_size_of_the_training_images(
    network: ModelFolder, photographs: np.ndarray, sizes: CellSizes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder, size = files_of(tmp_path / "photographs", photographs), sizes.of["red_cells"]
    model = with_sizes(network, tmp_path / "model", red_cells=2 * size.median, nuclei=0.1)
    code, table = predict(model, folder, field="auto")
    _, expected = predict(model, folder, field=0.5)
    assert code == 0
    pd.testing.assert_frame_equal(table, expected)
    assert size.text in caplog.text
    assert "0.50 (0." in caplog.text


def test_cells_that_no_share_of_the_frame_makes_small_enough_are_warned_of(
    network: ModelFolder, photographs: np.ndarray, sizes: CellSizes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = files_of(tmp_path / "photographs", photographs)
    model = with_sizes(network, tmp_path / "model", red_cells=sizes.of["red_cells"].median / 1.5)
    _, table = predict(model, folder, field="auto")
    _, expected = predict(model, folder, field=1.0)
    pd.testing.assert_frame_equal(table, expected)
    assert "cells remain 1.50 times as large as in training" in caplog.text


def test_a_scale_that_cannot_be_estimated_is_refused(
    network: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = np.full((3, 60, 60, 3), 240, np.uint8)
    folder = files_of(tmp_path / "photographs", blank)
    message = predict_error(network, folder, "--field", "auto", capsys=capsys)
    assert "--field auto: the model does not hold the size of the cells in its training images" in message
    model = with_sizes(network, tmp_path / "model", red_cells=0.2)
    message = predict_error(model, folder, "--field", "auto", capsys=capsys)
    assert "the scale cannot be estimated: in 3 images, only 0 red cells were found" in message
    assert "Give --field with a number, or --source" in message


def test_a_model_file_without_sizes_is_read(network: ModelFolder, tmp_path: Path) -> None:
    model = with_sizes(network, tmp_path / "model")
    content = json.loads(model.model.read_text())
    del content["frame"]["cell_sizes"]
    model.model.write_text(json.dumps(content))
    assert read_model_file(model.folder).content.frame.cell_sizes == {}


def test_the_size_of_the_cells_in_the_training_images() -> None:
    columns = ["source", "part", "image_set"]
    rows = pd.DataFrame(
        [("a", "train", "real")] * 3 + [("b", "train", "real")] + [("c", "test", "real")], columns=columns
    )
    rows = pd.concat([rows, pd.DataFrame([("c", "train", "gan")], columns=columns)])
    found = {"a": sizes_around(0.2, 0.4), "b": sizes_around(0.3, 0.4), "c": sizes_around(0.1)}
    fields = {"a": 0.8, "b": 1.0, "c": 0.5}
    assert training_cell_sizes(rows, found, fields) == {"red_cells": 0.2625, "nuclei": 0.475}
    found["b"] = sizes_around(0, 0.4)
    assert training_cell_sizes(rows, found, fields) == {"nuclei": 0.475}


def test_the_frame_of_a_model_holds_estimated_fields(tmp_path: Path) -> None:
    write_fields("red_cells", {"a": 0.75, "b": 1.0}, tmp_path / "fields.json")
    rest = {"size": 40, "fit": "crop", "max_pixels": 10**6, "min_side": 8}
    frame = frame_of(fields={"a": "auto", "b": 1.0}, resolved=[str(tmp_path / "fields.json")], **rest)
    assert frame.fields == {"a": 0.75, "b": 1.0}
    assert frame_of(fields={"a": 0.8}, resolved=[], **rest).fields == {"a": 0.8}
