"""Tests that every folder of `classify/methods` must pass; they name no method."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.classifiers import SIZE, data, images, job, runtime
from helpers.method_settings import TrainingSpy, files_of, small_settings
from helpers.thesis import CLASSES
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.open_model import open_classifier
from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class, traits_of

pytestmark = pytest.mark.usefixtures("features")
every_method = pytest.mark.parametrize("method", method_names("classify"))


def small_spec(method: str, features: Path) -> ModelSpec:
    settings = {"imagenet_file": str(features)} if traits_of("classify", method).frozen_features else {}
    return ModelSpec(method=method, settings=small_settings("classify", method, **settings))


def build_model(spec: ModelSpec) -> Any:
    return spec.build(classes=CLASSES, size=SIZE, runtime=runtime())


def fit(spec: ModelSpec, folder: Path) -> Any:
    model = build_model(spec)
    model.fit(data(), job(folder))
    model.save(folder / "weights.safetensors")
    return model


@every_method
def test_it_is_built_at_full_shape(method: str) -> None:
    spec = ModelSpec(method=method, settings=settings_class("classify", method)())
    assert ModelSpec.from_plain(spec.plain) == spec
    model = spec.build(classes=CLASSES, size=128, runtime=runtime())
    described = {name: model.description[name] for name in ("method", "settings")}
    assert ModelSpec.from_plain(described) == spec


@every_method
def test_every_parameter_gets_a_gradient(
    method: str, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = small_spec(method, features)
    build_model(spec)  # imports the modules that train
    spy = TrainingSpy(monkeypatch)
    fit(spec, tmp_path)
    assert (spy.trainings > 0) == spec.traits.trains_networks
    assert spy.unmoved == set()
    assert (files_of(tmp_path)["history.jsonl"] != b"") == spec.traits.trains_networks


@every_method
def test_a_fit_that_is_killed_and_resumed_ends_with_the_same_bytes(
    method: str, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = small_spec(method, features)
    fit(spec, tmp_path / "undisturbed")
    spy = TrainingSpy(monkeypatch)
    for checkpoints in (1, 2):
        spy.kill_after(checkpoints)
        if spec.traits.trains_networks:
            with pytest.raises(KeyboardInterrupt):
                fit(spec, tmp_path / "killed")
    spy.kill_after(0)
    fit(spec, tmp_path / "killed")
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "undisturbed")


@every_method
def test_what_is_saved_predicts_alike_when_loaded(method: str, features: Path, tmp_path: Path) -> None:
    spec = small_spec(method, features)
    model, loaded = fit(spec, tmp_path), build_model(spec)
    loaded.load(tmp_path / "weights.safetensors")
    pixels = images({"basophil": 4, "platelet": 3}, 5).pixels
    logits = model.logits(pixels)
    assert (logits.shape, logits.dtype) == ((7, len(CLASSES)), np.float32)
    assert np.isfinite(logits).all()
    np.testing.assert_array_equal(loaded.logits(pixels), logits)
    opened = open_classifier(tmp_path / "weights.safetensors", runtime(seed=99))
    np.testing.assert_array_equal(opened.logits(pixels), logits)
    assert opened.parameters == loaded.parameters == model.parameters > 0
    assert len(model.logits(pixels[:0])) == 0


@every_method
def test_its_traits_are_true(method: str, features: Path, tmp_path: Path) -> None:
    spec = small_spec(method, features)
    (tmp_path / "with").mkdir()
    model = fit(spec, tmp_path / "with")
    if spec.traits.trains_networks:
        assert not model.module().training
    assert ("imagenet_file" in type(spec.settings).model_fields) == spec.traits.frozen_features
    if spec.traits.frozen_features:
        without = spec.settings.model_copy(update={"imagenet_file": str(tmp_path / "none")})
        with pytest.raises(InputError, match="are not there"):
            fit(ModelSpec(method=method, settings=without), tmp_path)
