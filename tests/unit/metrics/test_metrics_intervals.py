import json
import math

import numpy as np
import pytest

from hemabalance.metrics import intervals
from hemabalance.metrics.intervals import bootstrap_mean, paired_difference, wilson

NO_INTERVAL = (None, None, None)


def test_bootstrap_of_a_mean_is_near_its_normal_interval() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean, low, high = bootstrap_mean(values, seed=1)
    half = 1.96 * values.std() / math.sqrt(400)
    assert mean == pytest.approx(values.mean())
    assert mean - low == pytest.approx(half, rel=0.08)
    assert high - mean == pytest.approx(half, rel=0.08)


def test_bootstrap_intervals_have_about_nominal_coverage() -> None:
    rng = np.random.default_rng(2)
    intervals_ = [bootstrap_mean(rng.exponential(1, 60), seed=k) for k in range(150)]
    covered = sum(low <= 1 <= high for _, low, high in intervals_)
    assert 0.87 * 150 < covered < 150


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(3).random(50)
    assert bootstrap_mean(values, seed=4) == bootstrap_mean(values, seed=4)
    assert bootstrap_mean(values, seed=4) != bootstrap_mean(values, seed=5)


def test_the_interval_does_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).random(30)
    one_block = bootstrap_mean(values, seed=4)
    monkeypatch.setattr(intervals, "_AT_ONCE", 300)
    assert bootstrap_mean(values, seed=4) == pytest.approx(one_block)


def test_no_value_and_one_value() -> None:
    assert bootstrap_mean(np.array([]), seed=1) == NO_INTERVAL
    assert bootstrap_mean(np.array([2.5]), seed=1) == (2.5, None, None)
    assert bootstrap_mean(np.array([2.5, 2.5]), seed=1) == (2.5, 2.5, 2.5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap_mean(np.array([1.0, bad]), seed=1)


# Newcombe 1998, Table I, method 3.
@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_agree_with_newcombes_table(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct, n) == pytest.approx((correct / n, low, high), abs=5e-5)
    assert wilson(n - correct, n) == pytest.approx((1 - correct / n, 1 - high, 1 - low), abs=5e-5)


def test_wilson_of_no_images_and_of_all_correct() -> None:
    assert wilson(0, 0) == NO_INTERVAL
    assert wilson(7, 7).high == 1.0


def test_paired_difference_has_the_spread_of_the_pairs() -> None:
    rng = np.random.default_rng(1)
    b = rng.random(500) < 0.5
    a = b | (rng.random(500) < 0.1)  # right whenever b is right, and in about 5 % of the other cases
    difference, low, high = paired_difference(a, b, seed=1)
    assert difference == pytest.approx(a.mean() - b.mean())
    assert high - low == pytest.approx(2 * 1.96 * (a.astype(float) - b).std() / math.sqrt(500), rel=0.1)
    assert low > 0
    assert paired_difference(b, a, seed=1).value == pytest.approx(-difference)


def test_paired_difference_of_a_classifier_with_itself() -> None:
    a = np.random.default_rng(1).random(50) < 0.5
    assert paired_difference(a, a, seed=1) == (0, 0, 0)
    assert paired_difference(a[:0], a[:0], seed=1) == NO_INTERVAL


def test_strata_keep_their_sizes() -> None:
    strata = np.array(["x"] * 30 + ["y"] * 70)
    a, b = strata == "x", np.zeros(100, bool)
    assert paired_difference(a, b, seed=1, strata=strata) == pytest.approx((0.3, 0.3, 0.3))
    unstratified = paired_difference(a, b, seed=1)
    assert unstratified.low < 0.25
    assert unstratified.high > 0.35


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="pairs"):
        paired_difference(np.ones(3, bool), np.ones(4, bool), seed=1)


def test_intervals_can_be_written_as_json() -> None:
    for interval in (bootstrap_mean(np.arange(5), seed=1), wilson(2, 5), paired_difference([True], [False], seed=1)):
        assert json.loads(json.dumps(interval, allow_nan=False)) == list(interval)
