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

NOTHING = (None, None, None)


def scored(targets: list[int], said: list[int], k: int = 4, seed: int = 1) -> Classified:
    probabilities = np.full((len(said), k), 0.1)
    probabilities[np.arange(len(said)), said] = 1 - 0.1 * (k - 1)
    return classify_scores(np.array(targets, int), np.array(said, int), probabilities, seed=seed)


def test_a_class_without_images_has_no_value() -> None:
    found = scored([0, 0, 1, 1, 1], [0, 3, 1, 1, 0])
    for label in (2, 3):
        assert {one[:3] for one in found.classes[label].values()} == {NOTHING}
    assert found.classes[3]["sensitivity"].n == 0
    assert found.classes[3]["precision"].n == 1
    assert found.overall["balanced_accuracy"].value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.overall["macro_f1"].value == pytest.approx((1 / 2 + 4 / 5) / 2)


def test_all_predictions_of_one_class() -> None:
    found = scored([0, 0, 1, 2, 3, 3], [1] * 6)
    assert [found.classes[label]["sensitivity"].value for label in range(4)] == [0, 1, 0, 0]
    assert [found.classes[label]["f1"].value for label in range(4)] == [0, pytest.approx(2 / 7), 0, 0]
    assert found.classes[0]["precision"] == (*NOTHING, 0)
    assert found.classes[1]["precision"].value == pytest.approx(1 / 6)
    assert found.overall["balanced_accuracy"].value == 0.25
    assert found.overall["macro_auroc"].value == 0.5
    assert found.classes[0]["auroc"].value == 0.5


def test_all_images_of_one_class_leave_nothing_to_tell_it_from() -> None:
    found = scored([2, 2, 2], [2, 2, 0])
    assert found.classes[2]["specificity"] == (*NOTHING, 0)
    assert found.classes[2]["auroc"][:3] == found.overall["macro_auroc"][:3] == NOTHING
    assert found.overall["accuracy"].value == pytest.approx(2 / 3)


def test_one_image() -> None:
    found = scored([1], [1])
    assert found.overall["balanced_accuracy"] == (1.0, None, None, 1)
    assert found.overall["macro_auroc"] == (*NOTHING, 1)
    accuracy = found.overall["accuracy"]
    assert (accuracy.value, accuracy.high, accuracy.n) == (1.0, 1.0, 1)
    assert accuracy.low == pytest.approx(0.2065, abs=1e-4)  # Wilson: 1 / (1 + z²)
    assert found.classes[1]["f1"] == (1.0, None, None, 1)
    assert found.no_spread == ()


def test_no_image() -> None:
    found = classify_scores(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4)), seed=1)
    assert set(found.overall.values()) == {(*NOTHING, 0)}
    assert found.counts.sum() == 0


def test_an_interval_that_is_a_point_is_named() -> None:
    perfect = scored([0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 2, 3])
    assert perfect.overall["balanced_accuracy"] == (1, 1, 1, 6)
    assert set(perfect.no_spread) == {"balanced_accuracy", "macro_f1", "macro_auroc"}
    assert perfect.overall["accuracy"].low < 0.65
    assert scored([0, 0, 1, 1, 2, 3], [0, 1, 1, 1, 2, 0]).no_spread == ()


def test_every_interval_holds_its_value_and_stays_in_range() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(4, size=60)
    said = np.where(rng.random(60) < 0.7, targets, rng.integers(4, size=60))
    found = scored(targets.tolist(), said.tolist())
    for one in (*found.overall.values(), *(one for row in found.classes for one in row.values())):
        assert 0 <= one.low <= one.value <= one.high <= 1


def test_same_seed_same_intervals() -> None:
    targets, said = [0, 0, 0, 1, 1, 1, 2, 2, 3] * 5, [0, 0, 1, 1, 1, 0, 2, 3, 3] * 5
    one, again, other = (scored(targets, said, seed=seed).overall for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize(
    ("targets", "said", "probabilities", "message"),
    [
        ([0, 1], [0], [[1, 0]], "1 rows of probabilities"),
        ([0], [2], [[1, 0]], "classes from 2 to 2"),
        ([-1], [0], [[1, 0]], "classes from -1 to -1"),
        ([0], [0], [[np.nan, 0]], "not finite"),
    ],
)
def test_arguments_that_do_not_match(targets: list, said: list, probabilities: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classify_scores(np.array(targets), np.array(said), np.array(probabilities, float), seed=1)


# --- two classifiers


def test_a_classifier_against_itself_and_against_none() -> None:
    targets, said = np.array([0, 1, 2, 2, 1]), np.array([0, 1, 1, 2, 0])
    found = paired_bootstrap(targets, said, said, METRICS, classes=3, seed=1)
    assert set(found.values()) == {(0, 0, 0, 5)}
    assert mcnemar(said == targets, said == targets).p == 1
    none = np.zeros(0, int)
    assert set(paired_bootstrap(none, none, none, METRICS, classes=3, seed=1).values()) == {(*NOTHING, 0)}


def test_a_difference_turns_with_its_sides() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(3, size=200)
    a = np.where(rng.random(200) < 0.9, targets, 0)
    b = np.where(rng.random(200) < 0.6, targets, 0)
    one, other = (paired_bootstrap(targets, *pair, METRICS, classes=3, seed=1) for pair in ((a, b), (b, a)))
    for name in METRICS:
        assert one[name].value == pytest.approx(-other[name].value)
        assert 0 < one[name].low < one[name].value < one[name].high
        assert one[name].low == pytest.approx(-other[name].high, abs=0.02)


def test_a_pair_narrows_the_interval() -> None:
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


def test_calibration_of_nothing_and_of_one_image() -> None:
    none, logits = np.zeros(0), np.zeros((0, 3))
    assert fit_temperature(logits, np.zeros(0, int)) == 1.0
    assert log_likelihood(logits, np.zeros(0, int), 1.0) is None
    assert expected_calibration_error(none, none.astype(bool)) is None
    assert calibration_error_interval(none, none.astype(bool), none.astype(int), seed=1) == (*NOTHING, 0)
    assert negative_log_likelihood(logits, np.zeros(0, int), seed=1) == (*NOTHING, 0)
    one = calibration_error_interval(np.array([0.75]), np.array([True]), np.array([0]), seed=1)
    assert one == (0.25, None, None, 1)


def test_a_probability_of_zero_has_a_finite_likelihood() -> None:
    found = negative_log_likelihood(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0, 1]), seed=1)
    assert found.value == pytest.approx((-np.log(np.finfo(np.float32).eps) + np.log(2)) / 2)


def test_a_temperature_moves_no_prediction() -> None:
    logits = np.random.default_rng(4).normal(size=(100, 5))
    for temperature in (0.1, 7.0):
        np.testing.assert_array_equal(tempered(logits, temperature).argmax(1), logits.argmax(1))


def test_logits_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.inf, 0.0]]), np.array([0]))
