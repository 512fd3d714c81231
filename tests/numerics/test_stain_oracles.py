"""Reinhard, Macenko and Vahadane compared with torchstain, scikit-image, scikit-learn and plain float64 code."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.color import lab2rgb, rgb2lab
from sklearn.decomposition import DictionaryLearning, sparse_encode
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer

from helpers.classical_normalizers import fitted
from hemabalance.metrics.cielab import lab_of, srgb_of
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.stain.methods.macenko.method import least_squares
from hemabalance.stain.methods.vahadane.method import sparse_amounts, sparse_stains
from hemabalance.stain.normalizer import StainData
from hemabalance.stain.optical_density import extreme_stains
from hemabalance.stain.percentiles import percentile, percentile_of_integers
from hemabalance.training.job import Images

STAINS = np.array(((0.65, 0.70, 0.29), (0.27, 0.57, 0.78)), np.float32)
STAINS /= np.linalg.norm(STAINS, axis=1, keepdims=True)


def densities(noise: float, pixels: int = 3000) -> np.ndarray:
    """Densities (3, pixels) of pixels with the first stain, the second, or both."""
    rng = np.random.default_rng(4)
    amounts = rng.uniform(0.4, 1.6, (2, pixels)) * (rng.integers(1, 4, pixels) & np.array([[1], [2]]) > 0)
    density: np.ndarray = np.maximum(STAINS.T @ amounts + rng.normal(0, noise, (3, pixels)), 0).astype(np.float32)
    return density


def objective(density: np.ndarray, stains: np.ndarray, sparsity: float) -> float:
    amounts = sparse_amounts(density, stains, sparsity)
    return float(0.5 * ((density - stains.T @ amounts) ** 2).sum() + sparsity * amounts.sum())


def test_macenko_agrees_with_torchstain_on_two_stains_in_white_light() -> None:
    image = np.rint(240 * np.exp(-densities(0.0))).astype(np.uint8).T.reshape(50, 60, 3)
    theirs = NumpyMacenkoNormalizer()
    theirs.fit(image, Io=240, alpha=1, beta=0.15)
    # torchstain adds 1 to every value before the logarithm.
    density = -np.log((image.reshape(-1, 3).T + np.float32(1)) / np.float32(240))
    ours = extreme_stains(density[:, (density >= 0.15).all(axis=0)], alpha=1)
    assert ours is not None
    np.testing.assert_allclose(ours, theirs.HERef.T, atol=5e-3)
    np.testing.assert_allclose(np.percentile(least_squares(density, ours), 99, axis=1), theirs.maxCRef, rtol=0.02)


@pytest.mark.parametrize("sparsity", [0.0, 0.01, 0.1, 0.8])
def test_sparse_amounts_equal_scikit_learns_lasso(sparsity: float) -> None:
    density = np.random.default_rng(8).uniform(-0.3, 1.5, (3, 400)).astype(np.float32)
    theirs = sparse_encode(
        density.T.astype(float),
        STAINS.astype(float),
        algorithm="lasso_cd",
        alpha=max(sparsity, 1e-9),
        positive=True,
        max_iter=10_000,
    )
    np.testing.assert_allclose(sparse_amounts(density, STAINS, sparsity), theirs.T, atol=2e-4)


def test_sparse_stains_reach_scikit_learns_optimum() -> None:
    density = densities(0.02, pixels=800)
    ours = sparse_stains(density, 0.1)
    assert ours is not None
    learner = DictionaryLearning(
        2, alpha=0.1, fit_algorithm="cd", positive_code=True, positive_dict=True, max_iter=300, tol=1e-9, random_state=0
    )
    theirs = learner.fit(density.T.astype(float)).components_.astype(np.float32)
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert objective(density, ours, 0.1) <= 1.001 * objective(density, theirs, 0.1)
    assert (ours >= 0).all()


def test_macenko_finds_stains_whose_amounts_have_a_constant_sum() -> None:
    rng = np.random.default_rng(2)
    share = rng.uniform(0, 1, 4000)
    density = STAINS.T @ np.stack((share, 1 - share)) + rng.normal(0, 0.02, (3, 4000))
    ours = extreme_stains(density.astype(np.float32), alpha=1)
    assert ours is not None
    # If centred, the densities would lie on one line, and the second axis of their plane would be noise.
    np.testing.assert_allclose(ours, STAINS, atol=0.04)


def all_colours() -> np.ndarray:
    """Every third value of each channel, uint8 (1, 86 ** 3, 3)."""
    values = np.arange(0, 256, 3, dtype=np.uint8)
    return np.stack(np.meshgrid(values, values, values), axis=-1).reshape(1, -1, 3)


def test_cielab_agrees_with_scikit_image_on_all_colours() -> None:
    colours = all_colours()
    lab = lab_of(colours)
    error = np.abs(lab - rgb2lab(colours / 255.0).reshape(-1, 3).T)
    assert (error.max(axis=1) < (0.01, 0.06, 0.06)).all()
    assert (error.mean(axis=1) < (1e-3, 4e-3, 4e-3)).all()
    np.testing.assert_array_equal(srgb_of(lab), colours[0])


def test_colours_outside_srgb_are_clipped_as_by_scikit_image() -> None:
    rng = np.random.default_rng(6)
    lab = rng.uniform((-5, -150, -150), (120, 150, 150), (20_000, 3)).astype(np.float32)
    lab[:, 2] = np.minimum(lab[:, 2], (lab[:, 0] + 16) * (200 / 116) - 1e-3)
    theirs = 255 * lab2rgb(lab.astype(float))
    assert np.abs(srgb_of(np.ascontiguousarray(lab.T)) - theirs).max() < 0.54


def reinhard_in_float64(image: np.ndarray, target: Any) -> np.ndarray:
    lab = rgb2lab(image / 255.0)
    gain = target["deviation"].astype(float) / lab.std(axis=(0, 1))
    return np.asarray(255 * lab2rgb((lab - lab.mean(axis=(0, 1))) * gain + target["mean"]))


def macenko_in_float64(image: np.ndarray, target: Any) -> np.ndarray:
    pixels = image.reshape(-1, 3).astype(float)
    brightness = pixels.sum(axis=1)
    light = np.median(pixels[brightness >= np.percentile(brightness, 90)], axis=0)
    density = -np.log(np.maximum(pixels, 1) / light)
    stained = density[(density >= 0.15).all(axis=1)]
    plane = np.linalg.svd(stained, full_matrices=False)[2][:2]
    first, second = plane[0] * np.sign(plane[0].sum()), plane[1]
    angles = np.percentile(np.arctan2(stained @ second, stained @ first), (1, 99))
    stains = np.stack([np.cos(angle) * first + np.sin(angle) * second for angle in angles])
    stains = stains[np.argsort(stains[:, 2])]
    amounts = np.linalg.lstsq(stains.T, density.T)[0]
    gain = target["scale"] / np.percentile(amounts, 99, axis=1)
    rendered = target["light"] * np.exp(-(amounts.T * gain) @ target["stains"].astype(float))
    return np.asarray(np.minimum(rendered, 255).reshape(image.shape))


@pytest.mark.filterwarnings("ignore:.*negative Z values.*:UserWarning")
@pytest.mark.parametrize("darkening", [1, 4])
@pytest.mark.parametrize(("name", "oracle"), [("reinhard", reinhard_in_float64), ("macenko", macenko_in_float64)])
def test_images_equal_those_of_plain_float64_code(name: str, oracle: Any, darkening: int, tmp_path: Path) -> None:
    labels = ["basophil", "lymphocyte", "monocyte", "neutrophil"]
    cells = sample_cells(labels, seed=7, first_index=0)
    a, b = (render(cells, domain, shape=(128, 128), nuisance=True, threads=1) for domain in ("a", "b"))
    b //= np.uint8(darkening)
    normalizer = fitted(name, tmp_path, StainData(*(Images(images, np.array(labels)) for images in (a, b)), None))
    for to, images in (("a", b), ("b", a)):
        result = normalizer.transform(images, to=to)
        assert not result.passed_through.any()
        expected = np.stack([oracle(image, normalizer.profiles[to]) for image in images])
        error = np.abs(result.pixels - expected)
        assert error.max() <= 1
        assert error.mean() < 0.27  # 0.25 by rounding alone


@pytest.mark.parametrize("count", [1, 2, 31, 1000, 40_000])
@pytest.mark.parametrize("percent", [0.1, 1, 10, 50, 90, 99, 99.9])
def test_percentiles_equal_numpys(count: int, percent: float) -> None:
    rng = np.random.default_rng(count)
    values = rng.normal(size=count).astype(np.float32)
    whole = rng.integers(0, 766, count, dtype=np.uint16)
    for some in (values, np.sort(values), -np.sort(-values), np.rint(values), np.abs(values)):
        np.testing.assert_allclose(percentile(some, percent), np.percentile(some, percent), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(percentile_of_integers(whole, percent), np.percentile(whole, percent), rtol=1e-12)
