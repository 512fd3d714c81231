"""Predicting images of other sources: which images, over which views, and with whose statistics."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from torch import nn

from helpers.classifiers import SIZE, build, data, images, job, runtime
from hemabalance.classify.across import AcrossSettings, predict_across
from hemabalance.classify.average import write_average
from hemabalance.classify.predictions import probabilities_of, read_predictions
from hemabalance.classify.zoom import mean_probabilities_of_views, zoomed
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.errors import InputError


def predicted(
    model: tuple[Any, Path], laboratory: Any, folder: Path, seen: Sequence[SeenImages] = (), **changed: Any
) -> pd.DataFrame:
    settings = {"source": "a", "poses": False, "zooms": (1.0,), "own_statistics": False}
    path = folder / "predictions.parquet"
    image_set, split = laboratory
    chosen = AcrossSettings(**settings | changed)
    predict_across(model[1], image_set, split, chosen, runtime(), path, seen=seen, threads=1)
    return read_predictions(path)


def expected(fitted: Any, laboratory: Any, table: pd.DataFrame) -> np.ndarray:
    image_set, _ = laboratory
    places = pd.Index(image_set.index["image_id"]).get_indexer(table["image_id"])
    probabilities: np.ndarray = softmax(fitted.logits(image_set.decode_all(threads=1, where=places)), axis=1)
    return probabilities


def test_test_images_of_the_labelled_source_and_all_others_of_its_classes_are_read(
    model: Any, laboratory: Any, tmp_path: Path
) -> None:
    table = predicted(model, laboratory, tmp_path)
    _, split = laboratory
    own = split[(split["source"] == "a") & (split["part"] == "test")]
    other = split[(split["source"] == "b") & (split["label"] != "platelet")]
    assert list(table["image_id"]) == sorted([*own["image_id"], *other["image_id"]])
    np.testing.assert_allclose(probabilities_of(table), expected(model[0], laboratory, table), atol=1e-6)


def test_a_normaliser_that_saw_a_test_image_is_refused(model: Any, laboratory: Any, tmp_path: Path) -> None:
    _, split = laboratory
    half = split[(split["source"] == "b") & (split["part"] == "unlabelled")].assign(protocol="across-a")
    predicted(model, laboratory, tmp_path, [SeenImages("normalizer", "stain", half)])
    leak = split[split["part"] == "test"].tail(1).assign(protocol="across-a")
    seen = SeenImages("normalizer", "stain", pd.concat([half, leak]))
    (tmp_path / "predictions.parquet").unlink()
    with pytest.raises(InputError, match=f"the normalizer stain: saw 1 test images, {leak['image_id'].item()} first"):
        predicted(model, laboratory, tmp_path, [seen])
    assert not (tmp_path / "predictions.parquet").exists()


def test_poses_and_zooms_are_averaged(model: Any, laboratory: Any) -> None:
    pixels = laboratory[0].decode_all(threads=1)[:5]
    single = softmax(model[0].logits(pixels), axis=1)
    alone = mean_probabilities_of_views(model[0], pixels, poses=False, zooms=[1.0])
    np.testing.assert_allclose(alone, single, atol=1e-6)
    of_two = mean_probabilities_of_views(model[0], pixels, poses=False, zooms=[1.0, 1.5])
    second = softmax(model[0].logits(zoomed(pixels, 1.5)), axis=1)
    np.testing.assert_allclose(of_two, (single + second) / 2, atol=1e-6)
    posed = mean_probabilities_of_views(model[0], pixels, poses=True, zooms=[1.0])
    mirrored = mean_probabilities_of_views(model[0], pixels[:, :, ::-1], poses=True, zooms=[1.0])
    np.testing.assert_allclose(posed, mirrored, atol=1e-5)
    assert np.abs(posed - single).max() > 1e-5


def test_zooming_keeps_the_centre_and_mirrors_at_the_edges() -> None:
    disc = (np.hypot(*np.mgrid[-31.5:32, -31.5:32]) < 10).astype(np.uint8) * 200
    pixels = np.repeat(disc[None, :, :, None], 3, axis=3)
    for factor in (0.5, 0.8, 1.0, 1.6):
        area = (zoomed(pixels, factor)[0, 16:48, 16:48, 0] > 100).sum()
        assert area == pytest.approx(np.pi * (10 * factor) ** 2, rel=0.06)
    assert zoomed(pixels, 1.0) is pixels
    edges = np.tile(np.arange(64, dtype=np.uint8)[None, None, :, None], (1, 64, 1, 3))
    small = zoomed(edges, 0.5)
    assert small.shape == edges.shape
    assert small[0, 0, 2, 0] > small[0, 0, 16, 0] < small[0, 0, 32, 0]  # mirrored, not repeated


def test_statistics_are_those_of_the_unlabelled_half(model: Any, laboratory: Any, tmp_path: Path) -> None:
    plain, changed = (predicted(model, laboratory, tmp_path, own_statistics=value) for value in (False, True))
    own = plain["source"] == "a"
    assert changed[own].equals(plain[own])
    assert not np.allclose(probabilities_of(changed[~own]), probabilities_of(plain[~own]), atol=1e-4)
    image_set, split = laboratory
    half = split[(split["source"] == "b") & (split["part"] == "unlabelled")]
    places = pd.Index(image_set.index["image_id"]).get_indexer(half["image_id"])
    fitted = build("sequential_cnn", input_size=32, steps=4, validate_every=4)
    fitted.load(model[1])
    assert fitted.use_statistics_of(image_set.decode_all(threads=1, where=places))
    np.testing.assert_allclose(probabilities_of(changed[~own]), expected(fitted, laboratory, changed[~own]), atol=1e-6)


def test_statistics_are_mean_and_variance_of_the_images() -> None:
    fitted = build("sequential_cnn", input_size=32, steps=1)
    layer = next(module for module in fitted._network.modules() if isinstance(module, nn.BatchNorm2d))
    seen: list[torch.Tensor] = []
    fitted._ready = True
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    fitted.use_statistics_of(images({"basophil": 20}, 3).pixels)
    hook.remove()
    (values,) = seen
    torch.testing.assert_close(layer.running_mean, values.mean((0, 2, 3)))
    torch.testing.assert_close(layer.running_var, values.var((0, 2, 3), unbiased=True))
    assert not layer.training
    assert layer.momentum == 0.1


def test_a_model_without_batch_normalisation_has_no_statistics(laboratory: Any, tmp_path: Path) -> None:
    bayes = build("naive_bayes")
    bayes.fit(data(), job(tmp_path))
    bayes.save(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"weights.safetensors: is a model without batch normalisation"):
        predicted((bayes, tmp_path / "weights.safetensors"), laboratory, tmp_path, own_statistics=True)
    assert predicted((bayes, tmp_path / "weights.safetensors"), laboratory, tmp_path)["label"].nunique() == 2


def test_an_average_of_rows_is_the_mean_of_their_probabilities(model: Any, laboratory: Any, tmp_path: Path) -> None:
    paths = [tmp_path / name / "predictions.parquet" for name in ("one", "two")]
    for path, zooms in zip(paths, ((1.0,), (1.3,)), strict=True):
        path.parent.mkdir()
        predicted(model, laboratory, path.parent, zooms=zooms)
    write_average(paths, tmp_path / "average.parquet")
    mean = np.mean([probabilities_of(read_predictions(path)) for path in paths], axis=0)
    np.testing.assert_allclose(probabilities_of(read_predictions(tmp_path / "average.parquet")), mean, atol=1e-6)
    assert model[0].size == SIZE
