"""Behaviour that every classification model must have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.classifiers import (
    MODELS,
    NEURAL,
    SIZE,
    STATISTICAL,
    build,
    data,
    images,
    job,
    no_images,
    runtime,
)
from helpers.thesis import CLASSES
from hemabalance.classify.model import ModelData
from hemabalance.classify.open_model import open_classifier
from hemabalance.errors import InputError
from hemabalance.training.job import Images
from hemabalance.training.weights import save_tensors


def build_with_features(name: str, features: Path, **changed: Any) -> Any:
    settings = {"imagenet_file": str(features)} if name == "logistic" else {}
    return build(name, **{**settings, **changed})


@pytest.fixture(scope="module", params=MODELS)
def fitted(request: pytest.FixtureRequest, features: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A trained model of each kind, and the folder of its weights."""
    folder = tmp_path_factory.mktemp(request.param)
    model = build_with_features(request.param, features)
    result = model.fit(data(), job(folder))
    assert result.steps == (0 if request.param in STATISTICAL else 6)
    model.save(folder / "weights.safetensors")
    return model, folder


def test_a_model_opened_from_its_file_gives_the_same_logits(fitted: Any) -> None:
    model, folder = fitted
    opened = open_classifier(folder / "weights.safetensors", runtime(seed=99))
    pixels = images({"basophil": 4, "platelet": 3}, 5).pixels
    assert np.array_equal(opened.logits(pixels), model.logits(pixels))
    assert opened.classes == model.classes == CLASSES
    assert opened.size == SIZE
    assert opened.parameters == model.parameters > 0
    opened.save(folder / "again.safetensors")
    assert (folder / "again.safetensors").read_bytes() == (folder / "weights.safetensors").read_bytes()


def test_the_description_is_plain_json(fitted: Any) -> None:
    description = json.loads(json.dumps(fitted[0].description))
    assert description.keys() == {"kind", "method", "size", "classes", "settings"}
    assert description["kind"] == "model"
    assert description["classes"] == list(CLASSES)


def test_logits_are_finite_and_of_all_twelve_classes(fitted: Any) -> None:
    model, _ = fitted
    pixels = data().train.pixels
    logits = model.logits(pixels)
    assert logits.dtype == np.float32
    assert logits.shape == (len(pixels), 12)
    assert np.isfinite(logits).all()
    assert model.logits(pixels[:0]).shape == (0, 12)
    assert np.allclose(model.logits(pixels[3:5]), logits[3:5], atol=1e-4)


def test_images_of_another_size_are_refused(fitted: Any, tmp_path: Path) -> None:
    model, _ = fitted
    with pytest.raises(InputError, match=r"8x8 px, but the networks were built for 16x16 px"):
        model.logits(np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"training images: 8x8 px"):
        model.fit(data(size=8), job(tmp_path))
    with pytest.raises(ValueError, match="float32"):
        model.logits(np.zeros((2, SIZE, SIZE, 3), np.float32))


def test_unsuitable_training_data_are_refused(fitted: Any, tmp_path: Path) -> None:
    model, _ = fitted
    with pytest.raises(InputError, match="there are none"):
        model.fit(ModelData(no_images(), no_images()), job(tmp_path))
    foreign = Images(data().train.pixels, np.where(data().train.labels == "monocyte", "blast", "basophil"))
    with pytest.raises(InputError, match="does not know: blast"):
        model.fit(ModelData(foreign, no_images()), job(tmp_path))


def test_other_weights_are_refused(fitted: Any, tmp_path: Path, features: Path) -> None:
    model, folder = fitted
    other = build_with_features(
        "sequential_cnn" if model.description["method"] != "sequential_cnn" else "naive_bayes", features
    )
    with pytest.raises(InputError, match="was made for another config"):
        other.load(folder / "weights.safetensors")
    path = tmp_path / "cut.safetensors"
    path.write_bytes((folder / "weights.safetensors").read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged"):
        open_classifier(path, runtime())


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, {"kind": "classifier"})
    with pytest.raises(InputError, match='holds no model, but "classifier"'):
        open_classifier(tmp_path / "w.safetensors", runtime())


def test_weights_of_a_method_or_of_settings_that_are_not_known_are_refused(fitted: Any, tmp_path: Path) -> None:
    path, description = tmp_path / "w.safetensors", fitted[0].description
    save_tensors(path, {"x": torch.zeros(1)}, {**description, "method": "oracle"})
    with pytest.raises(InputError, match='holds no model, but "oracle"'):
        open_classifier(path, runtime())
    for settings, message in (
        ({**description["settings"], "colour_of_the_sky": 1}, r"settings\.colour_of_the_sky: Extra inputs"),
        (None, "settings: Input should be a valid dictionary"),
    ):
        save_tensors(path, {"x": torch.zeros(1)}, {**description, "settings": settings})
        with pytest.raises(
            InputError, match=rf"records settings that the method \w+ does not accept \({message}.*\)\. Use the version"
        ):
            open_classifier(path, runtime())


@pytest.mark.parametrize("name", MODELS)
def test_an_unfitted_model_gives_no_logits(name: str, features: Path, tmp_path: Path) -> None:
    model = build_with_features(name, features)
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        model.logits(data().train.pixels)
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        model.save(tmp_path / "w.safetensors")


def test_module_includes_the_preprocessing(fitted: Any) -> None:
    model, _ = fitted
    pixels = data().validation.pixels
    if model.description["method"] in STATISTICAL:
        with pytest.raises(InputError, match="is no network"):
            model.module()
        return
    module = model.module()
    assert not module.training
    with torch.no_grad():
        logits = module(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert np.allclose(logits.numpy(), model.logits(pixels), atol=1e-5)


@pytest.mark.parametrize("name", ["sequential_cnn", "naive_bayes", "logistic"])
def test_levels_are_learned(name: str, features: Path, tmp_path: Path) -> None:
    model = build_with_features(name, features, **({"steps": 60, "average_decay": 0.9} if name in NEURAL else {}))
    model.fit(data(), job(tmp_path))
    test = images({"basophil": 10, "monocyte": 10, "platelet": 10}, 11)
    predicted = np.array(CLASSES)[model.logits(test.pixels).argmax(1)]
    assert (predicted == test.labels).mean() > 0.9


@pytest.mark.parametrize("name", NEURAL)
def test_every_parameter_gets_a_gradient_and_changes(name: str, tmp_path: Path) -> None:
    training = build(name).initialise_training(data(), job(tmp_path))
    before = {key: value.detach().clone() for key, value in training.network.named_parameters()}
    training.runtime.monitor.reset("training", step=0, sums={})
    training.runtime.monitor.step = 1
    training.step()
    for key, value in training.network.named_parameters():
        assert value.grad is not None, key
        assert value.grad.abs().sum() > 0, key
        assert not torch.equal(value, before[key]), key
