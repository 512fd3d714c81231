"""Intervals of FID and KID against resamples made of repeated images, and plain loops."""

import numpy as np
import pytest

from hemabalance.metrics.distance_intervals import fid_interval, kid_interval
from hemabalance.metrics.fid import fid
from hemabalance.metrics.kid import FEWEST, kid

pytestmark = pytest.mark.usefixtures("one_thread")


def features(n: int, k: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, k)) * scale + shift).astype(np.float32)


@pytest.mark.parametrize(("n", "m"), [(12, 30), (30, 12), (25, 25)])
def test_a_resampled_fid_is_that_of_the_repeated_images(n: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = features(n, 40, 1), features(m, 40, 2, shift=0.4)
    rng = np.random.default_rng(3)
    drawn = [rng.multinomial(size, np.full(size, 1 / size), size=20) for size in (n, m)]
    expected = [fid(np.repeat(one, i, axis=0), np.repeat(two, j, axis=0)).value for i, j in zip(*drawn, strict=True)]
    low, high = fid(one, two).value + np.percentile(expected, (2.5, 97.5)) - np.mean(expected)
    found = fid_interval(one, two, resamples=20, seed=3)
    assert found.value == fid(one, two).value
    assert found.low == pytest.approx(low, rel=1e-6)
    assert found.high == pytest.approx(high, rel=1e-6)
    assert found == fid_interval(one, two, resamples=20, seed=3)


def test_fid_intervals_are_centred_though_resamples_are_biased() -> None:
    one, two = features(60, 30, 1), features(60, 30, 2, shift=0.5)
    found = fid_interval(one, two, resamples=100, seed=1)
    assert found.low < found.value < found.high
    assert found.high - found.value < 2 * (found.value - found.low)
    alike = fid_interval(one, one, resamples=50, seed=1)
    assert alike.low <= alike.value < alike.high
    assert alike.low >= min(0, alike.value)


def mmd_by_loops(x: np.ndarray, y: np.ndarray, times_x: np.ndarray, times_y: np.ndarray) -> float:
    """Gretton et al. 2012, equation 3, over repeated images, without pairs of the same one."""
    own = [np.repeat(np.arange(len(t)), t) for t in (times_x, times_y)]

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / len(a) + 1) ** 3

    within = [
        np.mean([kernel(values[i], values[j]) for i in index for j in index if i != j])
        for values, index in zip((x, y), own, strict=True)
    ]
    return sum(within) - 2 * np.mean([kernel(x[i], y[j]) for i in own[0] for j in own[1]])


def test_a_resampled_kid_leaves_out_pairs_of_the_same_image() -> None:
    one, two = features(11, 8, 1).astype(np.float64), features(13, 8, 2, shift=0.4).astype(np.float64)
    rng = np.random.default_rng(3)
    drawn = [rng.multinomial(size, np.full(size, 1 / size), size=12) for size in (11, 13)]
    expected = [mmd_by_loops(one, two, i, j) for i, j in zip(*drawn, strict=True)]
    found = kid_interval(one, two, resamples=12, seed=3)
    low, high = np.percentile(expected, (2.5, 97.5))
    value = mmd_by_loops(one, two, np.ones(11, int), np.ones(13, int))
    assert (found.value, found.low, found.high) == (pytest.approx(value), pytest.approx(low), pytest.approx(high))


def test_kid_over_all_images_agrees_with_subsets() -> None:
    one, two = features(200, 30, 1), features(150, 30, 2, shift=0.2)
    subsets, whole = kid(one, two, subset_size=50, seed=1), kid_interval(one, two, resamples=300, seed=1)
    assert whole.low < subsets.value < whole.high
    assert abs(whole.value - subsets.value) < subsets.std
    alike = kid_interval(one, features(150, 30, 2), resamples=300, seed=1)
    assert alike.low < 0 < alike.high < whole.low


@pytest.mark.parametrize(("n", "m"), [(0, 20), (1, 20), (20, 1)])
def test_intervals_of_too_few_images_are_empty(n: int, m: int) -> None:
    one, two = features(n, 8, 1), features(m, 8, 2)
    assert fid_interval(one, two, resamples=5, seed=1) == (None, None, None)
    assert kid_interval(one, two, resamples=5, seed=1) == (None, None, None)


def test_intervals_start_with_the_fewest_images_that_have_values() -> None:
    assert None not in fid_interval(features(2, 8, 1), features(2, 8, 2), resamples=20, seed=1)
    assert None not in kid_interval(features(FEWEST, 8, 1), features(FEWEST, 8, 2), resamples=20, seed=1)
    assert None in kid_interval(features(FEWEST - 1, 8, 1), features(FEWEST, 8, 2), resamples=20, seed=1)
