import json

import numpy as np
import pytest

from hemabalance.metrics.calibration import (
    BINS,
    calibration_error_interval,
    expected_calibration_error,
    fit_temperature,
    log_likelihood,
    negative_log_likelihood,
    reliability,
    tempered,
)
from hemabalance.metrics.classification import METRICS, Classified, classify_scores
from hemabalance.metrics.paired import mcnemar, paired_bootstrap

NO_INTERVAL = (None, None, None)


def score_predictions(targets: list[int], predicted: list[int], k: int = 4, seed: int = 1) -> Classified:
    probabilities = np.full((len(predicted), k), 0.1)
    probabilities[np.arange(len(predicted)), predicted] = 1 - 0.1 * (k - 1)
    return classify_scores(np.array(targets, int), np.array(predicted, int), probabilities, seed=seed)


def test_a_class_without_images_has_no_value() -> None:
    scores = score_predictions([0, 0, 1, 1, 1], [0, 3, 1, 1, 0])
    for label in (2, 3):
        assert {estimate[:3] for estimate in scores.classes[label].values()} == {NO_INTERVAL}
    assert scores.classes[3]["sensitivity"].n == 0
    assert scores.classes[3]["precision"].n == 1
    assert scores.overall["balanced_accuracy"].value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.overall["macro_f1"].value == pytest.approx((1 / 2 + 4 / 5) / 2)


def test_all_predictions_of_one_class() -> None:
    scores = score_predictions([0, 0, 1, 2, 3, 3], [1] * 6)
    assert [scores.classes[label]["sensitivity"].value for label in range(4)] == [0, 1, 0, 0]
    assert [scores.classes[label]["f1"].value for label in range(4)] == [0, pytest.approx(2 / 7), 0, 0]
    assert scores.classes[0]["precision"] == (*NO_INTERVAL, 0)
    assert scores.classes[1]["precision"].value == pytest.approx(1 / 6)
    assert scores.overall["balanced_accuracy"].value == 0.25
    assert scores.overall["macro_auroc"].value == 0.5
    assert scores.classes[0]["auroc"].value == 0.5


def test_all_images_of_one_class_leave_specificity_and_auroc_undefined() -> None:
    scores = score_predictions([2, 2, 2], [2, 2, 0])
    assert scores.classes[2]["specificity"] == (*NO_INTERVAL, 0)
    assert scores.classes[2]["auroc"][:3] == scores.overall["macro_auroc"][:3] == NO_INTERVAL
    assert scores.overall["accuracy"].value == pytest.approx(2 / 3)


def test_one_image() -> None:
    scores = score_predictions([1], [1])
    assert scores.overall["balanced_accuracy"] == (1.0, None, None, 1)
    assert scores.overall["macro_auroc"] == (*NO_INTERVAL, 1)
    accuracy = scores.overall["accuracy"]
    assert (accuracy.value, accuracy.high, accuracy.n) == (1.0, 1.0, 1)
    assert accuracy.low == pytest.approx(0.2065, abs=1e-4)  # Wilson: 1 / (1 + z²)
    assert scores.classes[1]["f1"] == (1.0, None, None, 1)
    assert scores.no_spread == ()


def test_no_image() -> None:
    scores = classify_scores(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4)), seed=1)
    assert set(scores.overall.values()) == {(*NO_INTERVAL, 0)}
    assert scores.counts.sum() == 0


def test_an_interval_that_is_a_point_is_named() -> None:
    perfect = score_predictions([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 2, 3])
    assert perfect.overall["balanced_accuracy"] == (1, 1, 1, 6)
    assert set(perfect.no_spread) == {"balanced_accuracy", "macro_f1", "macro_auroc"}
    assert perfect.overall["accuracy"].low < 0.65
    assert score_predictions([0, 0, 1, 1, 2, 3], [0, 1, 1, 1, 2, 0]).no_spread == ()


def test_every_interval_holds_its_value_and_stays_in_range() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(4, size=60)
    predicted = np.where(rng.random(60) < 0.7, targets, rng.integers(4, size=60))
    scores = score_predictions(targets.tolist(), predicted.tolist())
    for estimate in (*scores.overall.values(), *(estimate for row in scores.classes for estimate in row.values())):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_same_seed_same_intervals() -> None:
    targets, predicted = [0, 0, 0, 1, 1, 1, 2, 2, 3] * 5, [0, 0, 1, 1, 1, 0, 2, 3, 3] * 5
    first, same_seed, other_seed = (score_predictions(targets, predicted, seed=seed).overall for seed in (1, 1, 2))
    assert first == same_seed
    assert first != other_seed


@pytest.mark.parametrize(
    ("targets", "predicted", "probabilities", "message"),
    [
        ([0, 1], [0], [[1, 0]], "1 rows of probabilities"),
        ([0], [2], [[1, 0]], "classes from 2 to 2"),
        ([-1], [0], [[1, 0]], "classes from -1 to -1"),
        ([0], [0], [[np.nan, 0]], "not finite"),
    ],
)
def test_arguments_that_do_not_match(targets: list, predicted: list, probabilities: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classify_scores(np.array(targets), np.array(predicted), np.array(probabilities, float), seed=1)


# --- two classifiers


def test_a_classifier_against_itself_and_against_none() -> None:
    targets, predicted = np.array([0, 1, 2, 2, 1]), np.array([0, 1, 1, 2, 0])
    differences = paired_bootstrap(targets, predicted, predicted, METRICS, classes=3, seed=1)
    assert set(differences.values()) == {(0, 0, 0, 5)}
    assert mcnemar(predicted == targets, predicted == targets).p == 1
    no_images = np.zeros(0, int)
    assert set(paired_bootstrap(no_images, no_images, no_images, METRICS, classes=3, seed=1).values()) == {
        (*NO_INTERVAL, 0)
    }


def test_swapping_the_classifiers_negates_the_difference() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(3, size=200)
    a = np.where(rng.random(200) < 0.9, targets, 0)
    b = np.where(rng.random(200) < 0.6, targets, 0)
    forward, reverse = (paired_bootstrap(targets, *pair, METRICS, classes=3, seed=1) for pair in ((a, b), (b, a)))
    for name in METRICS:
        assert forward[name].value == pytest.approx(-reverse[name].value)
        assert 0 < forward[name].low < forward[name].value < forward[name].high
        assert forward[name].low == pytest.approx(-reverse[name].high, abs=0.02)


def test_correlated_predictions_give_narrower_paired_intervals() -> None:
    rng = np.random.default_rng(3)
    targets = rng.integers(3, size=300)
    a = np.where(rng.random(300) < 0.7, targets, (targets + 1) % 3)
    nearly, unrelated = np.where(rng.random(300) < 0.98, a, targets), np.where(rng.random(300) < 0.7, targets, 0)
    width = {
        name: np.ptp(paired_bootstrap(targets, a, b, METRICS, classes=3, seed=1)["accuracy"][1:3])
        for name, b in {"nearly": nearly, "unrelated": unrelated}.items()
    }
    assert width["nearly"] < width["unrelated"] / 3


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="pairs"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="pairs"):
        paired_bootstrap(np.zeros(3, int), np.zeros(3, int), np.zeros(2, int), METRICS, classes=2, seed=1)


# --- calibration


def test_probabilities_sum_to_one_whatever_the_logits() -> None:
    logits = np.array([[1e4, -1e4, 0], [0, 0, 0], [-1e9, 3, 2]], np.float32)
    for temperature in (0.1, 1.0, 1e4):
        probabilities = tempered(logits, temperature)
        assert np.isfinite(probabilities).all()
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)


def test_reliability_puts_every_image_in_one_bin() -> None:
    confidence = np.array([0.05, 0.5, 0.61, 0.65, 0.99, 1.0])
    correct = np.array([False, True, True, False, True, True])
    rows = reliability(confidence, correct)
    assert len(rows) == BINS
    assert sum(row.n for row in rows) == 6
    assert [row.upper for row in rows[:-1]] == [row.lower for row in rows[1:]]
    by_n = {row.n: row for row in rows if row.n}
    assert by_n[2].lower in (9 / 15, 14 / 15)
    full = rows[9]
    assert (full.n, full.accuracy, full.confidence) == (2, 0.5, pytest.approx(0.63))
    assert full.accuracy_low < 0.5 < full.accuracy_high
    assert rows[2][2:] == (0, None, None, None, None)
    assert json.loads(json.dumps([row._asdict() for row in rows], allow_nan=False))[0]["n"] == 1


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    rows = reliability(np.array([1 / 3, 0.2, 1.0, 0.0]), np.ones(4, bool))
    assert [place for place, row in enumerate(rows) if row.n] == [0, 2, 4, 14]


def test_calibration_of_no_image_and_of_one_image() -> None:
    no_images, logits = np.zeros(0), np.zeros((0, 3))
    assert fit_temperature(logits, np.zeros(0, int)) == 1.0
    assert log_likelihood(logits, np.zeros(0, int), 1.0) is None
    assert expected_calibration_error(no_images, no_images.astype(bool)) is None
    assert calibration_error_interval(no_images, no_images.astype(bool), no_images.astype(int), seed=1) == (
        *NO_INTERVAL,
        0,
    )
    assert negative_log_likelihood(logits, np.zeros(0, int), seed=1) == (*NO_INTERVAL, 0)
    error = calibration_error_interval(np.array([0.75]), np.array([True]), np.array([0]), seed=1)
    assert error == (0.25, None, None, 1)


def test_a_probability_of_zero_has_a_finite_likelihood() -> None:
    likelihood = negative_log_likelihood(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0, 1]), seed=1)
    assert likelihood.value == pytest.approx((-np.log(np.finfo(np.float32).eps) + np.log(2)) / 2)


def test_a_temperature_changes_no_prediction() -> None:
    logits = np.random.default_rng(4).normal(size=(100, 5))
    for temperature in (0.1, 7.0):
        np.testing.assert_array_equal(tempered(logits, temperature).argmax(1), logits.argmax(1))


def test_logits_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))
