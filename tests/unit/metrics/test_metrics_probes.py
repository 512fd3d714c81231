import json
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hemabalance.metrics.probes import Probe, probe

FOLDS = 3


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several test processes with a thread pool each would only wait for one another."""
    with threadpool_limits(1):
        yield


def noise(n: int, k: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k))


def probed(features: np.ndarray, target, groups=None) -> Probe:
    groups = np.arange(len(target)) if groups is None else groups
    return probe(features, np.asarray(target), np.asarray(groups), folds=FOLDS, seed=1)


def test_what_is_in_the_features_is_found() -> None:
    target = np.array(["a", "b", "c"] * 40)
    features = noise(120, 5)
    features[:, 2] += 20 * (target == "a") - 20 * (target == "c")
    found = probed(features, target)
    assert (found.accuracy, found.low, found.high) == (1.0, 1.0, 1.0)
    assert (found.n, found.groups, found.classes, found.left_out, found.reason) == (120, 120, ("a", "b", "c"), (), None)
    assert found.chance == pytest.approx(1 / 3)


def test_what_is_not_in_the_features_is_at_chance() -> None:
    found = probed(noise(300, 5), ["a", "b"] * 150)
    assert found.low < 0.5 < found.high
    assert found.low < found.accuracy < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 300), rel=0.2)


def test_a_frequent_class_does_not_pass_for_accuracy() -> None:
    found = probed(noise(400, 3), ["often"] * 370 + ["rare"] * 30)
    assert found.accuracy < 0.65
    assert found.low < 0.5 < found.high


def test_the_scale_of_a_feature_does_not_matter() -> None:
    target = np.array(["a", "b"] * 60)
    features = noise(120, 2)
    features[:, 1] += 1.5 * (target == "b")
    # Up to where the optimiser stops.
    assert probed(features * [1e6, 1e-6], target).accuracy == pytest.approx(probed(features, target).accuracy, abs=0.01)


@pytest.mark.parametrize("k", [60, 100])
def test_copies_do_not_answer_for_each_other(k: int) -> None:
    # Features name the group, and groups have classes at random: nothing to learn for a group never seen.
    groups = np.repeat(np.arange(60), 5)
    target = np.random.default_rng(2).permutation(["a", "b"] * 30)[groups]
    features = np.eye(60, k)[groups] + 0.01 * noise(300, k)
    together = probed(features, target, groups)
    assert together.accuracy < 0.7
    assert together.groups == 60
    assert probed(features, target).accuracy > 0.9


def test_many_features_are_reduced_and_still_read() -> None:
    target = np.array(["a", "b"] * 75)
    features = noise(150, 500) + 2.0 * (target == "a")[:, None] * noise(1, 500, seed=5)
    assert probed(features, target).accuracy > 0.95


def test_interval_is_wider_for_fewer_groups() -> None:
    target = np.array(["a", "b"] * 100)
    features = noise(200, 1) + 0.8 * (target == "a")[:, None]
    alone = probed(features, target)
    paired = probed(np.repeat(features, 4, axis=0), np.repeat(target, 4), np.repeat(np.arange(200), 4))
    assert paired.high - paired.low == pytest.approx(alone.high - alone.low, rel=0.25)


def test_rare_classes_are_left_out_and_named() -> None:
    target = ["a"] * 30 + ["b"] * 30 + ["few"] * (FOLDS - 1) + ["copies"] * 9
    groups = [*range(60 + FOLDS - 1), *[99] * 9]
    found = probed(noise(len(target), 3), target, groups)
    assert found.left_out == ("copies", "few")
    assert (found.n, found.groups, found.classes) == (60, 60, ("a", "b"))


@pytest.mark.parametrize("target", [[], ["a"], ["a"] * 20, ["a"] * 20 + ["b"] * 2, list("abcdef")])
def test_too_little_has_a_reason(target: list[str]) -> None:
    found = probed(noise(len(target), 3), np.array(target, dtype=str))
    assert (found.accuracy, found.low, found.high, found.chance) == (None, None, None, None)
    assert "two classes" in found.reason


def test_same_seed_same_result() -> None:
    features, target = noise(90, 80), ["a", "b", "c"] * 30
    assert probed(features, target) == probed(features, target)


def test_any_grouping_gives_json_without_nan() -> None:
    rng = np.random.default_rng(8)
    for _ in range(60):
        n, classes, groups = rng.integers(2, 40), rng.integers(1, 4), rng.integers(1, 20)
        target = rng.choice(list("abc")[:classes], n)
        found = probed(rng.standard_normal((n, 2)), target, rng.integers(groups, size=n))
        json.dumps(asdict(found), allow_nan=False)
        assert (found.accuracy is None) == (found.reason is not None)
        assert found.reason is not None or 0 <= found.low <= found.high <= 1
