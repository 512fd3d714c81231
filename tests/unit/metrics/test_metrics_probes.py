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
    """Avoid competing thread pools of parallel test processes."""
    with threadpool_limits(1):
        yield


def noise(n: int, k: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k))


def run_probe(features: np.ndarray, target, groups=None) -> Probe:
    groups = np.arange(len(target)) if groups is None else groups
    return probe(features, np.asarray(target), np.asarray(groups), folds=FOLDS, seed=1)


def test_a_class_encoded_in_the_features_is_predicted() -> None:
    target = np.array(["a", "b", "c"] * 40)
    features = noise(120, 5)
    features[:, 2] += 20 * (target == "a") - 20 * (target == "c")
    result = run_probe(features, target)
    assert (result.accuracy, result.low, result.high) == (1.0, 1.0, 1.0)
    assert (result.n, result.groups, result.classes, result.left_out, result.reason) == (
        120,
        120,
        ("a", "b", "c"),
        (),
        None,
    )
    assert result.chance == pytest.approx(1 / 3)


def test_features_without_information_give_chance_accuracy() -> None:
    result = run_probe(noise(300, 5), ["a", "b"] * 150)
    assert result.low < 0.5 < result.high
    assert result.low < result.accuracy < result.high
    assert result.high - result.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 300), rel=0.2)


def test_a_frequent_class_does_not_raise_the_balanced_accuracy() -> None:
    result = run_probe(noise(400, 3), ["often"] * 370 + ["rare"] * 30)
    assert result.accuracy < 0.65
    assert result.low < 0.5 < result.high


def test_the_scale_of_a_feature_does_not_matter() -> None:
    target = np.array(["a", "b"] * 60)
    features = noise(120, 2)
    features[:, 1] += 1.5 * (target == "b")
    # Equal up to the tolerance of the optimiser.
    assert run_probe(features * [1e6, 1e-6], target).accuracy == pytest.approx(
        run_probe(features, target).accuracy, abs=0.01
    )


@pytest.mark.parametrize("k", [60, 100])
def test_copies_stay_on_one_side_of_a_fold(k: int) -> None:
    # Features identify the group, and the class of a group is random: it cannot be predicted for a new group.
    groups = np.repeat(np.arange(60), 5)
    target = np.random.default_rng(2).permutation(["a", "b"] * 30)[groups]
    features = np.eye(60, k)[groups] + 0.01 * noise(300, k)
    grouped = run_probe(features, target, groups)
    assert grouped.accuracy < 0.7
    assert grouped.groups == 60
    assert run_probe(features, target).accuracy > 0.9


def test_many_features_are_reduced_without_losing_the_class() -> None:
    target = np.array(["a", "b"] * 75)
    features = noise(150, 500) + 2.0 * (target == "a")[:, None] * noise(1, 500, seed=5)
    assert run_probe(features, target).accuracy > 0.95


def test_interval_is_wider_for_fewer_groups() -> None:
    target = np.array(["a", "b"] * 100)
    features = noise(200, 1) + 0.8 * (target == "a")[:, None]
    unrepeated = run_probe(features, target)
    repeated = run_probe(np.repeat(features, 4, axis=0), np.repeat(target, 4), np.repeat(np.arange(200), 4))
    assert repeated.high - repeated.low == pytest.approx(unrepeated.high - unrepeated.low, rel=0.25)


def test_rare_classes_are_left_out_and_named() -> None:
    target = ["a"] * 30 + ["b"] * 30 + ["few"] * (FOLDS - 1) + ["copies"] * 9
    groups = [*range(60 + FOLDS - 1), *[99] * 9]
    result = run_probe(noise(len(target), 3), target, groups)
    assert result.left_out == ("copies", "few")
    assert (result.n, result.groups, result.classes) == (60, 60, ("a", "b"))


@pytest.mark.parametrize("target", [[], ["a"], ["a"] * 20, ["a"] * 20 + ["b"] * 2, list("abcdef")])
def test_too_few_images_or_classes_have_a_reason(target: list[str]) -> None:
    result = run_probe(noise(len(target), 3), np.array(target, dtype=str))
    assert (result.accuracy, result.low, result.high, result.chance) == (None, None, None, None)
    assert "two classes" in result.reason


def test_same_seed_same_result() -> None:
    features, target = noise(90, 80), ["a", "b", "c"] * 30
    assert run_probe(features, target) == run_probe(features, target)


def test_any_grouping_gives_json_without_nan() -> None:
    rng = np.random.default_rng(8)
    for _ in range(60):
        n, classes, groups = rng.integers(2, 40), rng.integers(1, 4), rng.integers(1, 20)
        target = rng.choice(list("abc")[:classes], n)
        result = run_probe(rng.standard_normal((n, 2)), target, rng.integers(groups, size=n))
        json.dumps(asdict(result), allow_nan=False)
        assert (result.accuracy is None) == (result.reason is not None)
        assert result.reason is not None or 0 <= result.low <= result.high <= 1
