"""FID, KID and the Inception score compared with closed forms, torch-fidelity and plain loops."""

import json
from dataclasses import asdict
from itertools import product

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from hemabalance.metrics.fid import fid
from hemabalance.metrics.inception_score import inception_score
from hemabalance.metrics.kid import FEWEST, SUBSETS, kid

pytestmark = pytest.mark.usefixtures("one_thread")


def features(n: int, k: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Correlated non-negative features of the magnitude of Inception features."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).standard_normal((20, k)) * np.exp(-np.arange(20) / 5)[:, None]
    values = 0.3 + shift + 0.1 * rng.standard_normal((n, 20)) @ mixing + 0.1 * rng.standard_normal((n, k))
    return np.maximum(values, 0).astype(np.float32)


def whitened(n: int, k: int, seed: int) -> np.ndarray:
    """Features with sample mean 0 and sample covariance 1."""
    values = np.random.default_rng(seed).standard_normal((n, k))
    values -= values.mean(axis=0)
    return np.linalg.qr(values)[0] * np.sqrt(n - 1)


def test_fid_of_gaussians_with_known_moments() -> None:
    # |mu|^2 + sum (s_1 - s_2)^2 where the covariances are diagonal.
    scale_1, scale_2 = np.linspace(0.5, 2, 6), np.linspace(1, 3, 6)
    result = fid(whitened(40, 6, 1) * scale_1, whitened(90, 6, 2) * scale_2 + 0.7).value
    assert result == pytest.approx(6 * 0.7**2 + ((scale_1 - scale_2) ** 2).sum(), abs=1e-10)


@pytest.mark.parametrize(("n_1", "n_2"), [(30, 40), (30, 400), (400, 300)])
def test_fid_agrees_with_torch_fidelity(n_1: int, n_2: int) -> None:
    x, y = features(n_1, 200, 1), features(n_2, 200, 2, shift=0.05)
    reference = fid_statistics_to_metric(
        fid_features_to_statistics(torch.tensor(x)), fid_features_to_statistics(torch.tensor(y)), False
    )["frechet_inception_distance"]
    assert fid(x, y).value == pytest.approx(reference, abs=1e-3)
    assert fid(y, x).value == pytest.approx(fid(x, y).value, abs=1e-9)
    assert reference > 0.5


@pytest.mark.parametrize("n", [2, 30, 400])
def test_fid_of_a_set_with_itself_is_zero(n: int) -> None:
    x = features(n, 200, 3)
    assert fid(x, x.copy()).value == pytest.approx(0, abs=1e-6)
    assert fid(x, x[::-1]).value == pytest.approx(0, abs=1e-6)


def test_fid_of_full_width_and_few_images_is_zero_on_identical_sets() -> None:
    x = features(100, 2048, 4)
    assert fid(x, x).value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("n_1", "n_2"), [(0, 5), (5, 1), (0, 0)])
def test_fid_of_too_few_images_has_a_reason(n_1: int, n_2: int) -> None:
    result = fid(features(5, 8, 1)[:n_1], features(5, 8, 2)[:n_2])
    assert result.value is None
    assert result.reason
    assert (result.n_1, result.n_2) == (n_1, n_2)


def mmd_by_loops(x: np.ndarray, y: np.ndarray) -> float:
    """Equation 3 of Gretton et al. 2012, term by term."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / len(a) + 1) ** 3

    m = range(len(x))
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in product(m, m) if i != j)
    across = sum(kernel(x[i], y[j]) for i, j in product(m, m))
    return within / (len(x) * (len(x) - 1)) - 2 * across / len(x) ** 2


def test_kid_is_the_unbiased_discrepancy_of_random_subsets() -> None:
    x, y = features(12, 30, 1).astype(np.float64), features(14, 30, 2, shift=0.2).astype(np.float64)
    rng = np.random.RandomState(7)
    draws = [(rng.choice(12, 4, replace=False), rng.choice(14, 4, replace=False)) for _ in range(SUBSETS)]
    expected = [mmd_by_loops(x[i], y[j]) for i, j in draws]
    result = kid(x, y, subset_size=4, seed=7)
    assert result.value == pytest.approx(np.mean(expected), abs=1e-12)
    assert result.std == pytest.approx(np.std(expected), abs=1e-12)
    assert (result.n_1, result.n_2, result.subset_size, result.reason) == (12, 14, 4, None)


def test_kid_tells_distributions_apart_and_has_no_bias() -> None:
    unshifted = kid(features(400, 100, 1), features(400, 100, 2), subset_size=100, seed=1)
    shifted = kid(features(400, 100, 1), features(400, 100, 2, shift=0.1), subset_size=100, seed=1)
    assert unshifted.value is not None
    assert abs(unshifted.value) < unshifted.std
    assert shifted.value > 10 * shifted.std
    assert shifted == kid(features(400, 100, 1), features(400, 100, 2, shift=0.1), subset_size=100, seed=1)


def test_kid_of_small_sets_keeps_its_spread() -> None:
    result = kid(features(20, 30, 1), features(50, 30, 2), subset_size=1000, seed=1)
    assert result.subset_size == 10
    assert result.std > 0


def test_kid_of_too_few_images_has_a_reason() -> None:
    result = kid(features(FEWEST - 1, 8, 1), features(50, 8, 2), subset_size=1000, seed=1)
    assert (result.value, result.std, result.subset_size) == (None, None, None)
    assert "9 images" in result.reason
    assert kid(features(FEWEST, 8, 1), features(50, 8, 2), subset_size=1000, seed=1).reason is None


def test_inception_score_without_logits_has_a_reason() -> None:
    result = inception_score(None)
    assert (result.value, result.std) == (None, None)
    assert "logits" in result.reason
    assert inception_score(np.zeros((9, 4), np.float32)).value is None


def test_inception_score_of_uniform_and_of_confident_logits() -> None:
    assert inception_score(np.zeros((50, 7), np.float32)).value == pytest.approx(1)
    confident = (np.eye(4, dtype=np.float32) * 50)[np.arange(4000) % 4]
    assert inception_score(confident).value == pytest.approx(4, rel=0.01)


def test_inception_score_agrees_with_its_definition() -> None:
    logits = np.random.default_rng(1).standard_normal((30, 5)) * 2
    shuffled = np.exp(logits)[np.random.RandomState(2020).permutation(30)]
    shares = (shuffled / shuffled.sum(axis=1, keepdims=True)).reshape(10, 3, 5)
    divergence = (shares * np.log(shares / shares.mean(axis=1, keepdims=True))).sum(axis=2).mean(axis=1)
    result = inception_score(logits)
    assert result.value == pytest.approx(np.exp(divergence).mean())
    assert result.std == pytest.approx(np.exp(divergence).std())


@pytest.mark.parametrize("n", [0, 1, 5, 50])
def test_results_can_be_written_as_json_without_nan(n: int) -> None:
    x, y = features(n, 12, 1), features(n, 12, 2)
    for result in (fid(x, y), kid(x, y, subset_size=10, seed=1), inception_score(x)):
        assert json.loads(json.dumps(asdict(result), allow_nan=False)) == asdict(result)
        assert (result.value is None) == (result.reason is not None)
