"""Tests that every method in `stain/methods` passes; they contain no names of methods."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.gan_normalizers import SIZE, data, disc_images, job
from helpers.method_settings import TrainingSpy, files_of, small_settings
from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import StainData
from hemabalance.training.weights import read_description

every_method = pytest.mark.parametrize("method", method_names("stain"))


def built(method: str, folder: Path) -> Any:
    settings = small_settings("stain", method)
    return NormalizerSpec(method=method, settings=settings).build(size=SIZE, runtime=job(folder).runtime)


def fitted(method: str, folder: Path) -> Any:
    normalizer = built(method, folder)
    normalizer.fit(data(), job(folder))
    normalizer.save(folder / "weights.safetensors")
    return normalizer


@every_method
def test_it_is_built_with_default_settings(method: str, tmp_path: Path) -> None:
    spec = NormalizerSpec(method=method, settings=settings_class("stain", method)())
    assert NormalizerSpec.from_plain(spec.plain) == spec
    spec.build(size=256, runtime=job(tmp_path).runtime)


@every_method
def test_every_parameter_gets_a_gradient(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(method, tmp_path)  # imports the modules that train
    watched = TrainingSpy(monkeypatch)
    fitted(method, tmp_path)
    traits = NormalizerSpec(method=method, settings=small_settings("stain", method)).traits
    assert (watched.trainings > 0) == traits.trains_networks
    assert watched.unmoved == set()
    assert (files_of(tmp_path)["history.jsonl"] != b"") == traits.trains_networks


@every_method
def test_an_interrupted_and_resumed_fit_ends_with_the_same_bytes(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted(method, tmp_path / "uninterrupted")
    watched = TrainingSpy(monkeypatch)
    for checkpoints in (1, 2):
        watched.kill_after(checkpoints)
        if NormalizerSpec(method=method, settings=small_settings("stain", method)).traits.trains_networks:
            with pytest.raises(KeyboardInterrupt):
                fitted(method, tmp_path / "interrupted")
    watched.kill_after(0)
    fitted(method, tmp_path / "interrupted")
    assert files_of(tmp_path / "interrupted") == files_of(tmp_path / "uninterrupted")


@every_method
def test_loaded_weights_transform_as_the_fitted_ones(method: str, tmp_path: Path) -> None:
    normalizer, loaded = fitted(method, tmp_path), built(method, tmp_path)
    loaded.load(tmp_path / "weights.safetensors")
    images = disc_images(5, (230, 170, 190), 4)
    result = normalizer.transform(images, to="b")
    assert (result.pixels.shape, result.pixels.dtype, result.passed_through.shape) == (images.shape, np.uint8, (5,))
    np.testing.assert_array_equal(loaded.transform(images, to="b").pixels, result.pixels)
    assert normalizer.parameters == loaded.parameters
    assert read_description(tmp_path / "weights.safetensors")["method"] == method
    assert len(normalizer.transform(images[:0], to="a").pixels) == 0


@every_method
def test_its_traits_are_correct(method: str, tmp_path: Path) -> None:
    spec = NormalizerSpec(method=method, settings=small_settings("stain", method))
    normalizer, images = fitted(method, tmp_path), disc_images(3, (230, 170, 190), 4)
    mapped = normalizer.transform(images, to="b").pixels
    assert bool((mapped != images).any()) == spec.traits.changes_images
    if spec.traits.invertible:
        assert normalizer.inverse(mapped, to="a").pixels.shape == images.shape
    else:
        with pytest.raises(TypeError):
            normalizer.inverse(mapped, to="a")
    assert not (spec.traits.needs_teacher and spec.traits.paired)
    if spec.traits.needs_teacher:
        alone = StainData(data().a, data().b, data().pairs)
        with pytest.raises(InputError, match="teacher"):
            built(method, tmp_path / "alone").fit(alone, job(tmp_path / "alone"))
    if not spec.traits.paired:
        unpaired = StainData(data().a, data().b, None, data().teacher)
        built(method, tmp_path / "unpaired").fit(unpaired, job(tmp_path / "unpaired"))
