"""Macenko's and Vahadane's stains compared with torchstain and scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import DictionaryLearning, sparse_encode
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer

from hemabalance.stain.methods.macenko.method import least_squares
from hemabalance.stain.methods.vahadane.method import sparse_amounts, sparse_stains
from hemabalance.stain.optical_density import extreme_stains

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
