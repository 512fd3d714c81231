"""Bootstrap over trainings and test images: against brute force, and its coverage on simulated trainings."""

import numpy as np
import pytest

from hemabalance.metrics.classification import METRICS, accuracy, macro_f1
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.metrics.run_resampling import Resampled, resampled_runs, run_weights

K = 3


def trainings(rng: np.random.Generator, targets: np.ndarray, rates: np.ndarray) -> list[np.ndarray]:
    """Predictions that are right with the rate of each training, else the next class."""
    return [np.where(rng.random(len(targets)) < rate, targets, (targets + 1) % K) for rate in rates]


def counts_of(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    counts: np.ndarray = np.bincount(targets * K + predicted, minlength=K * K).reshape(K, K)
    return counts


def test_values_and_resamples_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat(np.arange(K), (12, 7, 3))
    predicted = trainings(rng, targets, np.array([0.5, 0.8, 0.6, 0.7]))
    found = resampled_runs(targets, predicted, METRICS, classes=K, seed=4)
    brute = np.random.default_rng(5)
    means = np.empty((RESAMPLES, 4))
    for row in range(RESAMPLES):
        places = [np.flatnonzero(targets == label) for label in range(K)]
        drawn = np.concatenate([brute.choice(images, len(images)) for images in places])
        means[row] = [macro_f1(counts_of(targets[drawn], codes[drawn])) for codes in predicted]
    spread = found["macro_f1"].resamples
    observed = [float(macro_f1(counts_of(targets, codes))) for codes in predicted]
    assert found["macro_f1"].values == pytest.approx(observed)
    assert spread.mean(0) == pytest.approx(means.mean(0), abs=0.01)
    assert spread.std(0) == pytest.approx(means.std(0), rel=0.08)
    # All trainings have the same resampled images.
    assert np.cov(spread.T)[0, 1:] == pytest.approx(np.cov(means.T)[0, 1:], abs=0.15 * means.std(0).max() ** 2)


def test_weights_are_those_of_draws_with_seeds_drawn_within_them() -> None:
    draws, seeds = 3, 2
    weights = run_weights(draws, seeds, seed=1)
    assert weights.shape == (RESAMPLES, draws * seeds)
    assert weights.sum(1) == pytest.approx(np.ones(RESAMPLES))
    rng, brute = np.random.default_rng(2), np.zeros((RESAMPLES, draws * seeds))
    for row in brute:
        for draw in rng.integers(draws, size=draws):
            for seed in rng.integers(seeds, size=seeds):
                row[draw * seeds + seed] += 1 / (draws * seeds)
    assert np.cov(weights.T) == pytest.approx(np.cov(brute.T), abs=0.004)
    assert weights.mean(0) == pytest.approx(np.full(draws * seeds, 1 / 6), abs=0.02)


def test_a_single_training_has_weight_one_and_the_spread_of_images() -> None:
    assert (run_weights(1, 1, seed=1) == 1).all()
    assert len(np.unique(run_weights(1, 3, seed=1).round(6))) > 1


def test_the_same_seed_gives_the_same_resamples() -> None:
    targets = np.repeat(np.arange(K), 5)
    predicted = trainings(np.random.default_rng(0), targets, np.array([0.5, 0.9]))
    first, again, other = (resampled_runs(targets, predicted, METRICS, classes=K, seed=seed) for seed in (1, 1, 2))
    assert (first["accuracy"].resamples == again["accuracy"].resamples).all()
    assert (first["accuracy"].resamples != other["accuracy"].resamples).any()
    assert (run_weights(3, 2, seed=1) == run_weights(3, 2, seed=1)).all()


def test_predictions_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"predictions of \[2, 3\] images, but 3 targets"):
        resampled_runs(np.arange(3), [np.arange(3), np.arange(2)], METRICS, classes=K, seed=1)


def test_differences_and_ratios_are_taken_in_each_resample() -> None:
    a, b = Resampled(np.array(0.8), np.array([0.7, 0.9])), Resampled(np.array(0.4), np.array([0.5, 0.0]))
    assert a.less(b).resamples == pytest.approx([0.2, 0.9])
    assert a.over(b).value == pytest.approx(2.0)
    assert a.over(b).resamples == pytest.approx([1.4, np.nan], nan_ok=True)
    estimate = a.less(b).estimate(7)
    assert (estimate.value, estimate.n) == (pytest.approx(0.4), 7)
    assert estimate.low == pytest.approx(np.percentile([0.2, 0.9], 2.5))


@pytest.mark.parametrize("effect", [0.0, 0.12])
def test_intervals_of_a_paired_difference_cover_a_known_effect(effect: float) -> None:
    draws, seeds, repeats = 5, 3, 40
    targets = np.repeat(np.arange(K), 60)
    covered = excludes_zero = 0
    for repeat in range(repeats):
        rng = np.random.default_rng([7, repeat])
        # A draw moves both recipes, and each recipe by itself; every initialisation moves each training.
        common = np.repeat(rng.normal(0, 0.05, draws), seeds)
        rates = [
            0.6 + common + np.repeat(rng.normal(0, 0.02, draws), seeds) + rng.normal(0, 0.02, draws * seeds) + shift
            for shift in (effect, 0.0)
        ]
        predicted = trainings(rng, targets, np.concatenate(rates))
        values = resampled_runs(targets, predicted, {"accuracy": accuracy}, classes=K, seed=repeat)["accuracy"]
        weights = run_weights(draws, seeds, seed=repeat)
        a, b = (values.mean(range(start, start + draws * seeds), weights) for start in (0, draws * seeds))
        difference = a.less(b).estimate(len(targets))
        assert difference.low is not None
        assert difference.high is not None
        covered += difference.low <= effect <= difference.high
        excludes_zero += difference.low > 0 or difference.high < 0
    assert covered / repeats >= 0.88
    assert excludes_zero / repeats <= 0.12 if effect == 0 else excludes_zero / repeats >= 0.9
