"""Classification metrics compared with scikit-learn, SciPy, plain loops and simulations."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, chi2
from sklearn import metrics as sk

from hemabalance.metrics.auroc import aurocs, aurocs_resampled
from hemabalance.metrics.calibration import (
    BINS,
    COLDEST,
    HOTTEST,
    calibration_error_interval,
    expected_calibration_error,
    fit_temperature,
    log_likelihood,
    negative_log_likelihood,
    tempered,
)
from hemabalance.metrics.classification import METRICS, classify_scores, resampled_counts
from hemabalance.metrics.paired import mcnemar, paired_bootstrap
from hemabalance.metrics.resampling import image_weights, percentile_interval

pytestmark = pytest.mark.usefixtures("one_thread")

K = 12


def random_logits(
    seed: int, n: int, k: int = K, skill: float = 1.5, present: int | None = None
) -> tuple[np.ndarray, ...]:
    """True classes and logits of a classifier of given skill; classes from `present` on have no image."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(present or k, n, p=rng.dirichlet(np.ones(present or k)))
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), targets] += skill
    return targets, logits


def rounded_probabilities(logits: np.ndarray) -> np.ndarray:
    """Probabilities with many ties."""
    return np.round(tempered(logits, 1.0), 1)


CASES = {
    "random": (random_logits(1, 500), None),
    "ties": (random_logits(2, 400), rounded_probabilities),
    "absent classes": (random_logits(3, 300, present=7), None),
    "two images": (random_logits(4, 2), None),
    "one image": (random_logits(5, 1), None),
    "always right": (random_logits(6, 200, skill=50), None),
    "always wrong": (random_logits(7, 200, skill=-50), None),
    "constant logits": ((random_logits(8, 90)[0], np.zeros((90, K))), None),
}


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
@pytest.mark.parametrize(("case", "with_ties"), CASES.values(), ids=CASES)
def test_scores_agree_with_scikit_learn(case: tuple[np.ndarray, ...], with_ties: object) -> None:
    targets, logits = case
    probabilities = rounded_probabilities(logits) if with_ties else tempered(logits, 1.0)
    predicted = probabilities.argmax(1)
    scores = classify_scores(targets, predicted, probabilities, seed=1)
    present = np.unique(targets)
    np.testing.assert_array_equal(scores.counts, sk.confusion_matrix(targets, predicted, labels=range(K)))
    expected = {
        "accuracy": sk.accuracy_score(targets, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(targets, predicted),
        "macro_f1": sk.f1_score(targets, predicted, labels=present, average="macro", zero_division=0),
    }
    areas = [sk.roc_auc_score(targets == c, probabilities[:, c]) for c in present if len(present) > 1]
    assert {name: scores.overall[name].value for name in expected} == pytest.approx(expected)
    assert scores.overall["macro_auroc"].value == (pytest.approx(np.mean(areas)) if areas else None)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        targets, predicted, labels=range(K), zero_division=np.nan
    )
    for c in present:
        row = {name: estimate.value for name, estimate in scores.classes[c].items()}
        assert row["sensitivity"] == pytest.approx(recall[c])
        assert row["f1"] == pytest.approx(f1[c])
        assert row["precision"] == (None if math.isnan(precision[c]) else pytest.approx(precision[c]))
        assert row["one_vs_rest_accuracy"] == pytest.approx(sk.accuracy_score(targets == c, predicted == c))
        others = targets != c
        assert row["specificity"] == (pytest.approx(np.mean(predicted[others] != c)) if others.any() else None)
        assert row["auroc"] == (pytest.approx(areas[list(present).index(c)]) if areas else None)


def test_macro_auroc_agrees_with_scikit_learn() -> None:
    targets, logits = random_logits(1, 500)
    probabilities = tempered(logits, 1.0)
    assert len(np.unique(targets)) == K
    ours = classify_scores(targets, probabilities.argmax(1), probabilities, seed=1).overall["macro_auroc"].value
    assert ours == pytest.approx(sk.roc_auc_score(targets, probabilities, multi_class="ovr", average="macro"))


# --- resamples have the documented distribution


def test_weights_draw_images_within_their_class() -> None:
    strata = np.array([4, 1, 4, 4, 1, 7])
    blocks = list(image_weights(strata, 4000, np.random.default_rng(1)))
    weights = np.concatenate(blocks, axis=1)
    assert weights.shape == (6, 4000)
    for stratum, n in ((4, 3), (1, 2), (7, 1)):
        np.testing.assert_array_equal(weights[strata == stratum].sum(0), n)
    # Binomial: mean 1, variance 1 - 1/n.
    np.testing.assert_allclose(weights.mean(1), 1, atol=0.06)
    np.testing.assert_allclose(weights.var(1), [2 / 3, 1 / 2, 2 / 3, 2 / 3, 1 / 2, 0], atol=0.06)


@pytest.mark.parametrize("with_ties", [False, True])
def test_a_resampled_auroc_equals_that_of_the_repeated_images(with_ties: bool) -> None:
    targets, logits = random_logits(9, 80, k=4, skill=0.7)
    probabilities = rounded_probabilities(logits) if with_ties else tempered(logits, 1.0)
    resampled = aurocs_resampled(probabilities, targets, resamples=15, rng=np.random.default_rng(3))
    weights = np.concatenate(list(image_weights(targets, 15, np.random.default_rng(3))), axis=1).astype(int)
    for areas, counts in zip(resampled, weights.T, strict=True):
        resample = np.repeat(np.arange(80), counts)
        expected = [sk.roc_auc_score(targets[resample] == c, probabilities[resample, c]) for c in range(4)]
        np.testing.assert_allclose(areas, expected)
    np.testing.assert_allclose(
        aurocs(probabilities, targets), [sk.roc_auc_score(targets == c, probabilities[:, c]) for c in range(4)]
    )


def test_resampled_confusions_spread_as_resampled_images_do() -> None:
    targets, logits = random_logits(10, 150, k=4)
    predicted = logits.argmax(1)
    counts = sk.confusion_matrix(targets, predicted, labels=range(4))
    by_counts = resampled_counts(counts, 3000, np.random.default_rng(1))
    weights = np.concatenate(list(image_weights(targets, 3000, np.random.default_rng(2))), axis=1)
    cell = np.zeros((150, 16))
    cell[np.arange(150), targets * 4 + predicted] = 1
    by_images = (weights.T @ cell).reshape(-1, 4, 4)
    np.testing.assert_array_equal(by_counts.sum(2), np.broadcast_to(counts.sum(1), (3000, 4)))
    for metric in METRICS.values():
        values, expected = metric(by_counts), metric(by_images)
        assert values.mean() == pytest.approx(expected.mean(), abs=4 * expected.std() / math.sqrt(1500))
        assert values.std() == pytest.approx(expected.std(), rel=0.08)


# --- coverage of intervals: repeated simulations of four classes with known confusion rates

RATES = np.array([[0.9, 0.05, 0.05, 0], [0.1, 0.8, 0.05, 0.05], [0.1, 0.1, 0.7, 0.1], [0, 0.1, 0.05, 0.85]])
SIZES = np.array([150, 80, 60, 110])
TIMES = 200


def assert_covers_about_95_percent(covered: int) -> None:
    """With correct intervals about one simulation in 100 violates this."""
    assert 0.91 * TIMES <= covered <= 0.985 * TIMES


def test_bootstrap_intervals_cover_known_values_about_95_times_in_100() -> None:
    rng, covered = np.random.default_rng(11), dict.fromkeys(METRICS, 0)
    for _ in range(TIMES):
        counts = np.stack([rng.multinomial(n, row) for n, row in zip(SIZES, RATES, strict=True)])
        resampled = resampled_counts(counts, 1000, rng)
        for name, metric in METRICS.items():
            interval = percentile_interval(metric(counts), metric(resampled), n=int(SIZES.sum()))
            covered[name] += interval.low <= metric(RATES * SIZES[:, None]) <= interval.high
    for hits in covered.values():
        assert_covers_about_95_percent(hits)


def test_paired_bootstrap_covers_known_differences_about_95_times_in_100() -> None:
    rng, covered = np.random.default_rng(12), dict.fromkeys(("accuracy", "balanced_accuracy"), 0)
    targets = np.repeat(np.arange(4), SIZES)
    # b makes the same errors as a, except that 20 % of a's errors are corrected and 4 % of its hits are made wrong.
    of_class = 0.04 * np.diag(RATES) - 0.2 * (1 - np.diag(RATES))
    truth = {"accuracy": (of_class * SIZES).sum() / SIZES.sum(), "balanced_accuracy": of_class.mean()}
    cumulative = RATES.cumsum(1)[targets]
    for seed in range(TIMES):
        a = np.minimum((rng.random((len(targets), 1)) > cumulative).sum(1), 3)
        corrected, broken = rng.random(len(targets)) < 0.2, rng.random(len(targets)) < 0.04
        b = np.where(a != targets, np.where(corrected, targets, a), np.where(broken, (targets + 1) % 4, a))
        paired = paired_bootstrap(targets, a, b, {name: METRICS[name] for name in truth}, classes=4, seed=seed)
        for name, estimate in paired.items():
            covered[name] += estimate.low <= truth[name] <= estimate.high
    for hits in covered.values():
        assert_covers_about_95_percent(hits)


def test_area_intervals_cover_a_known_area_about_95_times_in_100() -> None:
    rng, covered = np.random.default_rng(13), 0
    targets = np.repeat([0, 1], [60, 90])
    truth = 0.5 * (
        1 + math.erf(1 / 2)
    )  # two normal scores with means 1 apart: normal distribution function at 1 / sqrt(2)
    for _ in range(TIMES):
        scores = np.stack([np.zeros(150), rng.normal(targets, 1.0)], axis=1)
        resampled = aurocs_resampled(scores, targets, resamples=500, rng=rng)
        interval = percentile_interval(aurocs(scores, targets)[1], resampled[:, 1], n=150)
        covered += interval.low <= truth <= interval.high
    assert_covers_about_95_percent(covered)


# --- two classifiers


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (12, 3), (3, 12), (121, 59), (0, 40)])
def test_mcnemar_agrees_with_the_binomial_test_of_scipy(only_a: int, only_b: int) -> None:
    both, none = 20, 7
    a = np.repeat([True, True, False, False], [both, only_a, only_b, none])
    b = np.repeat([True, False, True, False], [both, only_a, only_b, none])
    result = mcnemar(a, b)
    assert result[:2] == (only_a, only_b)
    tail = sum(math.comb(only_a + only_b, i) for i in range(min(only_a, only_b) + 1)) / 2 ** (only_a + only_b)
    assert result.p == pytest.approx(min(1.0, 2 * tail))
    if only_a + only_b:
        assert result.p == pytest.approx(binomtest(min(only_a, only_b), only_a + only_b, 0.5).pvalue)
    assert mcnemar(b, a).p == pytest.approx(result.p)


def test_mcnemar_approaches_the_corrected_chi_squared_test_for_many_images() -> None:
    a, b = np.repeat([True, False], [121, 59]), np.repeat([False, True], [121, 59])
    corrected = chi2.sf((abs(121 - 59) - 1) ** 2 / (121 + 59), 1)
    assert mcnemar(a, b).p == pytest.approx(corrected, rel=0.2)


def test_paired_differences_are_those_of_scikit_learn() -> None:
    targets, logits = random_logits(14, 400, present=9)
    a, b = logits.argmax(1), (logits + np.random.default_rng(1).normal(size=logits.shape)).argmax(1)
    paired = paired_bootstrap(targets, a, b, METRICS, classes=K, seed=1)
    labels = np.unique(targets)
    f1 = [sk.f1_score(targets, predicted, labels=labels, average="macro", zero_division=0) for predicted in (a, b)]
    accuracy = [np.mean(targets == predicted) for predicted in (a, b)]
    assert paired["macro_f1"].value == pytest.approx(f1[0] - f1[1])
    assert paired["accuracy"].value == pytest.approx(accuracy[0] - accuracy[1])


def test_a_paired_interval_agrees_with_explicit_resampling_of_pairs() -> None:
    targets, logits = random_logits(15, 250, k=4)
    a, b = logits.argmax(1), (logits + 0.7 * np.random.default_rng(1).normal(size=logits.shape)).argmax(1)
    paired = paired_bootstrap(targets, a, b, METRICS, classes=4, seed=1)["macro_f1"]
    rng, differences = np.random.default_rng(2), []
    for _ in range(600):
        resample = np.concatenate([rng.choice(np.flatnonzero(targets == c), (targets == c).sum()) for c in range(4)])
        difference_a, difference_b = (
            METRICS["macro_f1"](np.bincount(targets[resample] * 4 + s[resample], minlength=16).reshape(4, 4))
            for s in (a, b)
        )
        differences.append(difference_a - difference_b)
    low, high = np.percentile(differences, (2.5, 97.5))
    assert (paired.low, paired.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


# --- calibration


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0, 3.0, 40.0])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(16)
    calibrated = rng.normal(size=(20_000, K)) * 2
    targets = (tempered(calibrated, 1.0).cumsum(1) < rng.random((20_000, 1))).sum(1)
    assert fit_temperature(calibrated * temperature, targets) == pytest.approx(temperature, rel=0.03)


def test_the_temperature_is_the_best_of_a_grid() -> None:
    targets, logits = random_logits(17, 300)
    temperature = fit_temperature(4 * logits, targets)
    grid = [log_likelihood(4 * logits, targets, temperature * factor) for factor in np.geomspace(0.5, 2, 41)]
    assert min(grid) == grid[20] == pytest.approx(log_likelihood(4 * logits, targets, temperature))


def test_temperatures_stay_in_bounds_if_the_likelihood_has_no_optimum() -> None:
    targets, logits = random_logits(18, 100, skill=60)
    assert (logits.argmax(1) == targets).all()
    assert fit_temperature(logits, targets) == COLDEST
    assert fit_temperature(logits * 1e5, targets) == COLDEST
    assert fit_temperature(-logits, targets) == HOTTEST
    assert COLDEST <= fit_temperature(np.zeros((5, K)), targets[:5]) <= HOTTEST


@pytest.mark.parametrize(
    "case", [random_logits(19, 300), random_logits(20, 300, skill=60), random_logits(21, 40, skill=-30)]
)
def test_log_likelihood_is_that_of_scikit_learn(case: tuple[np.ndarray, ...]) -> None:
    targets, logits = case
    # scikit-learn clips probabilities at the precision of their dtype, and we at that of our files.
    probabilities = tempered(logits, 1.3).astype(np.float32)
    expected = sk.log_loss(targets, probabilities, labels=range(K))
    assert negative_log_likelihood(probabilities, targets, seed=1).value == pytest.approx(expected, rel=1e-5)
    exact = -np.mean([logits[i, t] / 1.3 - np.log(np.exp(logits[i] / 1.3).sum()) for i, t in enumerate(targets)])
    assert log_likelihood(logits, targets, 1.3) == pytest.approx(exact)


def test_calibration_error_by_loops() -> None:
    rng = np.random.default_rng(22)
    confidence = np.concatenate([rng.uniform(0.1, 1, 300), [1.0, 1 / BINS, 2 / BINS, 0.0]])
    correct = rng.random(304) < confidence**2
    expected = 0.0
    for m in range(BINS):
        inside = [i for i, c in enumerate(confidence) if m / BINS < c <= (m + 1) / BINS or (m == 0 and c == 0)]
        if inside:
            gap = abs(sum(correct[i] for i in inside) - sum(confidence[i] for i in inside)) / len(inside)
            expected += gap * len(inside) / 304
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)


def test_calibration_intervals_separate_calibrated_and_overconfident_classifiers() -> None:
    rng = np.random.default_rng(23)
    logits = rng.normal(size=(3000, 4)) * 2
    probabilities = tempered(logits, 1.0)
    targets = (probabilities.cumsum(1) < rng.random((3000, 1))).sum(1)
    correct = logits.argmax(1) == targets
    calibrated = calibration_error_interval(probabilities.max(1), correct, targets, seed=1)
    overconfident = calibration_error_interval(tempered(logits, 0.4).max(1), correct, targets, seed=1)
    assert calibrated.value < 0.03
    assert calibrated.high < overconfident.low
    assert calibrated.low <= calibrated.value <= calibrated.high
    assert overconfident.low < overconfident.value < overconfident.high
