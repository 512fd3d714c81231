"""Intervals of FID and KID compared with explicit resamples of repeated images and with plain loops."""

import numpy as np
import pytest

from hemabalance.metrics.distance_intervals import fid_interval, kid_interval
from hemabalance.metrics.fid import fid
from hemabalance.metrics.kid import FEWEST, kid

pytestmark = pytest.mark.usefixtures("one_thread")


def features(n: int, k: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, k)) * scale + shift).astype(np.float32)


@pytest.mark.parametrize(("n", "m"), [(12, 30), (30, 12), (25, 25)])
def test_a_resampled_fid_equals_fid_of_repeated_images(n: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(n, 40, 1), features(m, 40, 2, shift=0.4)
    rng = np.random.default_rng(3)
    counts = [rng.multinomial(size, np.full(size, 1 / size), size=20) for size in (n, m)]
    expected = [fid(np.repeat(x, i, axis=0), np.repeat(y, j, axis=0)).value for i, j in zip(*counts, strict=True)]
    low, high = fid(x, y).value + np.percentile(expected, (2.5, 97.5)) - np.mean(expected)
    interval = fid_interval(x, y, resamples=20, seed=3)
    assert interval.value == fid(x, y).value
    assert interval.low == pytest.approx(low, rel=1e-6)
    assert interval.high == pytest.approx(high, rel=1e-6)
    assert interval == fid_interval(x, y, resamples=20, seed=3)


def test_fid_intervals_are_centred_though_resamples_are_biased() -> None:
    x, y = features(60, 30, 1), features(60, 30, 2, shift=0.5)
    interval = fid_interval(x, y, resamples=100, seed=1)
    assert interval.low < interval.value < interval.high
    assert interval.high - interval.value < 2 * (interval.value - interval.low)
    same_set = fid_interval(x, x, resamples=50, seed=1)
    assert same_set.low <= same_set.value < same_set.high
    assert same_set.low >= min(0, same_set.value)


def mmd_by_loops(x: np.ndarray, y: np.ndarray, counts_x: np.ndarray, counts_y: np.ndarray) -> float:
    """Gretton et al. 2012, equation 3, over repeated images, without pairs of an image with itself."""
    indices = [np.repeat(np.arange(len(t)), t) for t in (counts_x, counts_y)]

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / len(a) + 1) ** 3

    within = [
        np.mean([kernel(values[i], values[j]) for i in index for j in index if i != j])
        for values, index in zip((x, y), indices, strict=True)
    ]
    return sum(within) - 2 * np.mean([kernel(x[i], y[j]) for i in indices[0] for j in indices[1]])


def test_a_resampled_kid_leaves_out_pairs_of_the_same_image() -> None:
    x, y = features(11, 8, 1).astype(np.float64), features(13, 8, 2, shift=0.4).astype(np.float64)
    rng = np.random.default_rng(3)
    counts = [rng.multinomial(size, np.full(size, 1 / size), size=12) for size in (11, 13)]
    expected = [mmd_by_loops(x, y, i, j) for i, j in zip(*counts, strict=True)]
    interval = kid_interval(x, y, resamples=12, seed=3)
    low, high = np.percentile(expected, (2.5, 97.5))
    value = mmd_by_loops(x, y, np.ones(11, int), np.ones(13, int))
    assert (interval.value, interval.low, interval.high) == (
        pytest.approx(value),
        pytest.approx(low),
        pytest.approx(high),
    )


def test_kid_over_all_images_agrees_with_subsets() -> None:
    x, y = features(200, 30, 1), features(150, 30, 2, shift=0.2)
    subsets, all_images = kid(x, y, subset_size=50, seed=1), kid_interval(x, y, resamples=300, seed=1)
    assert all_images.low < subsets.value < all_images.high
    assert abs(all_images.value - subsets.value) < subsets.std
    same_set = kid_interval(x, features(150, 30, 2), resamples=300, seed=1)
    assert same_set.low < 0 < same_set.high < all_images.low


@pytest.mark.parametrize(("n", "m"), [(0, 20), (1, 20), (20, 1)])
def test_intervals_of_too_few_images_are_empty(n: int, m: int) -> None:
    x, y = features(n, 8, 1), features(m, 8, 2)
    assert fid_interval(x, y, resamples=5, seed=1) == (None, None, None)
    assert kid_interval(x, y, resamples=5, seed=1) == (None, None, None)


def test_intervals_start_with_the_fewest_images_that_have_values() -> None:
    assert None not in fid_interval(features(2, 8, 1), features(2, 8, 2), resamples=20, seed=1)
    assert None not in kid_interval(features(FEWEST, 8, 1), features(FEWEST, 8, 2), resamples=20, seed=1)
    assert None in kid_interval(features(FEWEST - 1, 8, 1), features(FEWEST, 8, 2), resamples=20, seed=1)
