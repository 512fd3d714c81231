"""Export as ONNX: the same logits as PyTorch, or no file."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from helpers.classifiers import SIZE, build, data, job
from helpers.model_folders import NETWORK, ModelFolder, build_model_folder
from helpers.thesis import CLASSES
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.onnx_export import MAX_DIFFERENCE, export_onnx
from hemabalance.classify.open_model import open_classifier
from hemabalance.cli import main
from hemabalance.errors import InputError
from hemabalance.training.device import start


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    settings = NETWORK.model.settings.model_copy(update={"steps": 2, "validate_every": 2})
    brief = replace(NETWORK, model=ModelSpec(method=NETWORK.model.method, settings=settings))
    return build_model_folder(tmp_path_factory.mktemp("models") / "network", brief)


def logits_of(path: Path, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1
    (logits,) = session.run(None, {session.get_inputs()[0].name: images})
    return np.asarray(logits)


def test_the_command_writes_one_file_with_complete_metadata(
    model: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.onnx"
    assert main(["export", str(model.folder), "--onnx", str(out)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert str(out) in capsys.readouterr().out
    content = read_model_file(model.folder).content
    metadata = {entry.key: entry.value for entry in onnx.load(str(out)).metadata_props}
    assert json.loads(metadata["classes"]) == list(CLASSES)
    assert float(metadata["temperature"]) == content.temperature
    assert metadata["weights_sha256"] == content.sha256.weights
    assert json.loads(metadata["frame"])["fields"] == content.frame.fields
    assert f"({content.size}, {content.size})" in metadata["input"].replace("(n, 3, ", "(")
    opened = open_classifier(model.weights, start(device="cpu", precision="32", devices=1, seed=0, threads=1))
    rng = np.random.default_rng(0)
    for count in (1, 7):
        pixels = rng.integers(0, 256, (count, content.size, content.size, 3), np.uint8)
        np.testing.assert_allclose(logits_of(out, pixels), opened.logits(pixels), atol=MAX_DIFFERENCE)


def test_senet_with_gather_excite_gives_the_same_logits(tmp_path: Path) -> None:
    model = build("senet154_ge", steps=2, validate_every=1)
    model.fit(data(), job(tmp_path / "run"))
    difference = export_onnx(model, tmp_path / "model.onnx", metadata={"classes": "[]"})
    assert difference <= MAX_DIFFERENCE
    pixels = data().train.pixels
    expected = model.logits(pixels)
    np.testing.assert_allclose(logits_of(tmp_path / "model.onnx", pixels), expected, atol=MAX_DIFFERENCE)
    assert np.abs(expected).max() > 10 * MAX_DIFFERENCE


class DifferentWhenExported(nn.Module):
    """A network whose exported logits differ from those of PyTorch by a constant."""

    def forward(self, images: Tensor) -> Tensor:
        logits = images.mean((2, 3)).repeat(1, 4)
        return logits if torch.compiler.is_exporting() else logits + 2e-3


class ModelStub:
    size = SIZE

    def module(self) -> nn.Module:
        return DifferentWhenExported().eval()


def test_nothing_is_written_of_a_model_whose_outputs_differ(tmp_path: Path) -> None:
    model: Any = ModelStub()
    with pytest.raises(InputError, match=r"differ from PyTorch's by 2\.0e-03, more than 1e-04"):
        export_onnx(model, tmp_path / "model.onnx", metadata={})
    assert not list(tmp_path.iterdir())


class Unexportable(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.linalg.eigvals(images.mean(1)).real


class UnexportableModel:
    size = SIZE

    def module(self) -> nn.Module:
        return Unexportable().eval()


def test_a_network_that_onnx_cannot_express_is_refused(tmp_path: Path) -> None:
    model: Any = UnexportableModel()
    with pytest.raises(InputError, match="cannot be written as ONNX"):
        export_onnx(model, tmp_path / "model.onnx", metadata={})
    assert not list(tmp_path.iterdir())


def test_a_model_without_layers_is_refused(tmp_path: Path) -> None:
    model = build("naive_bayes")
    model.fit(data(), job(tmp_path))
    with pytest.raises(InputError, match="is no network"):
        export_onnx(model, tmp_path / "model.onnx", metadata={})
    assert not list(tmp_path.glob("model*"))


def test_another_suffix_than_onnx_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path), "--onnx", str(tmp_path / "model.pt")]) == 1
    assert "Choose a name that ends in .onnx" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_install_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    model: Any = ModelStub()
    with pytest.raises(InputError) as caught:
        export_onnx(model, tmp_path / "model.onnx", metadata={})
    assert caught.value.where == f"package {name}"
    assert "pip install onnx onnxscript onnxruntime" in caught.value.remedy
    assert not list(tmp_path.iterdir())
