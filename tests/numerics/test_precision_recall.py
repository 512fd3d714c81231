"""Precision, recall, density and coverage against torch-fidelity and plain loops."""

import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from hemabalance.metrics.precision_recall import Manifold, PrecisionRecall, precision_recall

pytestmark = pytest.mark.usefixtures("one_thread")


def features(n: int, k: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, k)) * scale + shift).astype(np.float32)


def scores(real: np.ndarray, generated: np.ndarray, neighbours: int) -> PrecisionRecall:
    return precision_recall(Manifold(real, neighbours), Manifold(generated, neighbours), seed=1)


SETS = [(60, 50, 0.3, 1.0), (40, 90, 0.9, 0.8), (30, 30, 0.8, 1.3)]


@pytest.mark.parametrize(("n", "m", "shift", "scale"), SETS)
@pytest.mark.parametrize("neighbours", [1, 3, 5])
def test_precision_and_recall_are_torch_fidelitys(n: int, m: int, shift: float, scale: float, neighbours: int) -> None:
    real, generated = features(n, 6, 1), features(m, 6, 2, shift, scale)
    reference = prc_features_to_metric(
        torch.tensor(generated).double(),
        torch.tensor(real).double(),
        prc_neighborhood=neighbours,
        prc_batch_size=1000,
        save_cpu_ram=False,
        verbose=False,
    )
    result = scores(real, generated, neighbours)
    assert 0 < reference["precision"] < 1
    assert reference["precision"] != reference["recall"]
    assert result.precision.value == pytest.approx(reference["precision"], abs=1e-6)
    assert result.recall.value == pytest.approx(reference["recall"], abs=1e-6)
    assert result.f1.value == pytest.approx(reference["f_score"], abs=1e-6)


def density_and_coverage(real: np.ndarray, generated: np.ndarray, k: int) -> tuple[float, float]:
    """Equations 3 and 4 of Naeem et al. 2020, ball by ball."""
    in_balls, covered = 0, 0
    for i, x in enumerate(real):
        radius = sorted(math.dist(x, z) for j, z in enumerate(real) if j != i)[k - 1]
        inside = sum(math.dist(x, y) <= radius for y in generated)
        in_balls, covered = in_balls + inside, covered + (inside > 0)
    return in_balls / (k * len(generated)), covered / len(real)


@pytest.mark.parametrize(("n", "m", "shift", "scale"), SETS)
@pytest.mark.parametrize("neighbours", [1, 5])
def test_density_and_coverage_are_their_definitions(
    n: int, m: int, shift: float, scale: float, neighbours: int
) -> None:
    real, generated = features(n, 6, 1), features(m, 6, 2, shift, scale)
    density, coverage = density_and_coverage(real, generated, neighbours)
    result = scores(real, generated, neighbours)
    assert 0 < coverage < 1
    assert result.density.value == pytest.approx(density)
    assert result.coverage.value == pytest.approx(coverage)


def test_scores_do_not_depend_on_an_offset_of_features_nor_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = features(60, 6, 1).astype(np.float64), features(50, 6, 2, 0.3).astype(np.float64)
    result = scores(real, generated, 3)
    assert scores(real + 1000, generated + 1000, 3) == result
    monkeypatch.setattr("hemabalance.metrics.precision_recall._AT_ONCE", 100)
    assert scores(real, generated, 3) == result


def test_identical_sets_contain_each_other() -> None:
    result = scores(features(50, 2048, 1), features(50, 2048, 1)[::-1], 3)
    assert [result.precision.value, result.recall.value, result.f1.value, result.coverage.value] == [1, 1, 1, 1]
    assert (result.precision.low, result.precision.high) == (1, 1)
    assert result.density.value is not None
    assert result.density.value >= 1


def test_sets_far_apart_share_nothing() -> None:
    result = scores(features(50, 8, 1), features(40, 8, 2, shift=50), 3)
    for field in fields(result):
        proportion = getattr(result, field.name)
        assert (proportion.value, proportion.low, proportion.high, proportion.reason) == (0, 0, 0, None)
        assert (proportion.n_real, proportion.n_generated, proportion.neighbours) == (50, 40, 3)


def test_one_of_two_modes_has_high_precision_and_half_recall() -> None:
    real = np.concatenate((features(100, 4, 1), features(100, 4, 2, shift=50)))
    result = scores(real, features(100, 4, 3), 5)
    assert result.precision.value > 0.9
    assert 0.4 < result.recall.value <= 0.5
    assert 0.4 < result.coverage.value <= 0.5


def test_intervals_hold_the_value_and_shrink_with_images() -> None:
    few, many = (scores(features(n, 6, 1), features(n, 6, 2, 0.5), 3) for n in (30, 300))
    for field in fields(few):
        few_scores, many_scores = getattr(few, field.name), getattr(many, field.name)
        assert few_scores.low < few_scores.value < few_scores.high
        assert many_scores.low < many_scores.value < many_scores.high
        assert many_scores.high - many_scores.low < few_scores.high - few_scores.low


def test_f1_interval_is_that_of_resampled_images() -> None:
    real, generated = Manifold(features(40, 6, 1), 3), Manifold(features(60, 6, 2, 0.5), 3)
    result = precision_recall(real, generated, seed=1).f1
    inside, is_recalled = real.contains(generated.features), generated.contains(real.features)
    rng = np.random.default_rng(5)
    p = inside[rng.integers(60, size=(20000, 60))].mean(axis=1)
    r = is_recalled[rng.integers(40, size=(20000, 40))].mean(axis=1)
    low, high = np.percentile(2 * p * r / (p + r), (2.5, 97.5))
    assert result.low == pytest.approx(low, abs=0.02)
    assert result.high == pytest.approx(high, abs=0.02)
