"""The mean over scales: that of the scaled images, in predictions, in the module and in the exported file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from helpers.classifiers import SIZE, build, data, job, runtime
from hemabalance.classify.onnx_export import export_onnx
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.zoom import mean_probabilities_of_views, zoom_matrix, zoomed

FACTORS = (0.85, 1.0, 1.18)


def fit(folder: Path, **changed: Any) -> Any:
    folder.mkdir()
    model = build("sequential_cnn", input_size=32, steps=2, validate_every=2, **changed)
    model.fit(data(), job(folder))
    model.save(folder / "weights.safetensors")
    return model


def photographs(n: int) -> np.ndarray:
    """Discs of several sizes and colours, with soft edges, so that scaling matters and rounding does not."""
    distance = np.hypot(*(np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2 + 0.5))
    discs = [1 / (1 + np.exp((distance - SIZE * (0.1 + 0.03 * place)) / 1.5)) for place in range(n)]
    colours = np.random.default_rng(4).uniform(0, 150, (n, 1, 1, 3))
    return (230 - np.stack(discs)[..., None] * colours).round().astype(np.uint8)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A model, the same with averaging over poses and scales, and the folder of the latter."""
    folder = tmp_path_factory.mktemp("zooms")
    averaged = fit(folder / "averaged", average_poses=True, average_zooms=FACTORS)
    return fit(folder / "single"), averaged, folder / "averaged"


@pytest.mark.parametrize("factor", [0.5, 0.85, 1.0, 1.18, 2.0])
def test_the_matrix_is_the_scaling_before_rounding(factor: float) -> None:
    matrix, images = zoom_matrix(SIZE, factor), photographs(4)
    assert matrix.shape == (SIZE, SIZE)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    scaled = np.einsum("ij,njkc,lk->nilc", matrix, images.astype(np.float64), matrix)
    np.testing.assert_allclose(scaled, zoomed(images, factor), atol=1.5)


def test_probabilities_are_the_mean_over_scales_and_poses(pair: Any) -> None:
    single, averaged, _ = pair
    pixels = photographs(11)
    expected = mean_probabilities_of_views(single, pixels, poses=True, zooms=FACTORS)
    logits = averaged.logits(pixels)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-5)
    without = mean_probabilities_of_views(single, pixels, poses=True, zooms=[1.0])
    difference = np.abs(np.exp(logits) - expected).max()  # the experiment rounds scaled images
    assert difference < np.abs(without - expected).max() / 8
    np.testing.assert_allclose(averaged.logits(pixels[:, ::-1]), logits, atol=1e-4)
    np.testing.assert_allclose(averaged.logits(pixels[3:4]), logits[3:4], atol=1e-4)
    assert averaged.logits(pixels[:0]).shape == (0, logits.shape[1])


def test_a_single_scale_of_one_changes_nothing(pair: Any, tmp_path: Path) -> None:
    single, pixels = pair[0], photographs(5)
    same = fit(tmp_path / "same", average_zooms=(1.0,))
    np.testing.assert_allclose(np.exp(same.logits(pixels)), softmax(single.logits(pixels), axis=1), atol=1e-6)


def test_a_saved_model_averages_when_it_is_opened(pair: Any) -> None:
    _, averaged, folder = pair
    opened = open_classifier(folder / "weights.safetensors", runtime(seed=99))
    np.testing.assert_array_equal(opened.logits(photographs(5)), averaged.logits(photographs(5)))


def test_module_and_exported_file_give_the_predicted_logits(pair: Any, tmp_path: Path) -> None:
    import onnxruntime

    _, averaged, _ = pair
    export_onnx(averaged, tmp_path / "model.onnx", metadata={})  # refuses a file whose logits differ
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    pixels = photographs(7)
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1
    with torch.no_grad():
        logits = averaged.module()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(logits, averaged.logits(pixels), atol=1e-4)
    np.testing.assert_allclose(session.run(None, {"images": images})[0], averaged.logits(pixels), atol=1e-4)
