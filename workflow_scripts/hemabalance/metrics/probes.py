"""Linear probes: how well a simple classifier predicts a label from features."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from hemabalance.metrics.intervals import RESAMPLES

COMPONENTS = 64
"""Features beyond this number are reduced to as many principal components."""


@dataclass(frozen=True)
class Probe:
    """Result of a probe; if it cannot be computed, the values are None and `reason` says why.

    Attributes:
        n: number of images used.
        groups: number of groups of images that belong together, such as copies.
        classes: the classes distinguished, in order.
        left_out: classes with fewer groups than folds; their images do not count in `n`.
        accuracy: balanced accuracy on held-out folds: mean over classes of the share of correct predictions.
        low, high: 95 % interval from a bootstrap over groups.
        chance: accuracy of guessing, 1 / number of classes.
        reason: why there is no accuracy, else None.
    """

    n: int
    groups: int
    classes: tuple[str, ...]
    left_out: tuple[str, ...]
    accuracy: float | None
    low: float | None
    high: float | None
    chance: float | None
    reason: str | None


def probe(features: np.ndarray, target: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> Probe:
    """Cross-validate a logistic regression, with folds stratified by class and without splitting groups.

    Features are standardised; more than 64 features are reduced to their 64 principal components. Both steps and the
    regression (L2 with C = 1, balanced class weights) are fitted on the training part of each fold only.

    Args:
        features: float (n, k), finite.
        target: str (n,), the class of each image.
        groups: (n,), images of one group are on the same side of each fold.
        folds: number of folds, at least 2.
        seed: seed of folds, components and resamples.
    """
    target, groups = np.asarray(target), np.asarray(groups)
    names = np.unique(target)
    kept = [name for name in names if len(np.unique(groups[target == name])) >= folds]
    left_out = tuple(str(name) for name in names if name not in kept)
    selected = np.isin(target, kept)
    features, target, groups = features[selected], target[selected], np.unique(groups[selected], return_inverse=True)[1]
    count = int(groups.max()) + 1 if len(groups) else 0

    def result(accuracy: float | None, low: float | None, high: float | None, reason: str | None) -> Probe:
        chance = 1 / len(kept) if reason is None else None
        return Probe(len(target), count, tuple(map(str, kept)), left_out, accuracy, low, high, chance, reason)

    if len(kept) < 2:
        return result(None, None, None, f"fewer than two classes are in at least {folds} groups of images")
    correct = _correct_predictions(features, target, groups, folds, seed)
    if correct is None:
        return result(None, None, None, "the groups leave a fold with a single class to train on")
    return result(*_balanced_accuracy(correct, target, groups, seed), None)


def _correct_predictions(
    features: np.ndarray, target: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> np.ndarray | None:
    """Whether each image is classified correctly by a model not trained on its group, bool (n,); None if impossible."""
    correct = np.zeros(len(target), bool)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(features, target, groups)
    for train, test in split:
        if not len(test):
            continue
        if len(np.unique(target[train])) < 2:
            return None
        model = _build_model(len(train), features.shape[1], seed).fit(features[train], target[train])
        correct[test] = model.predict(features[test]) == target[test]
    return correct


def _build_model(n: int, k: int, seed: int) -> Pipeline:
    steps = [StandardScaler()]
    if k > COMPONENTS:
        steps.append(PCA(min(COMPONENTS, n), svd_solver="randomized", random_state=seed))
    return make_pipeline(*steps, LogisticRegression(class_weight="balanced", max_iter=1000))


def _balanced_accuracy(
    correct: np.ndarray, target: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float, float]:
    """Balanced accuracy and its 95 % interval; a resample that lacks a class averages over the other classes."""
    codes = np.unique(target, return_inverse=True)[1]
    shape = (groups.max() + 1, codes.max() + 1)
    images_of, correct_of = np.zeros(shape), np.zeros(shape)  # by group and class
    np.add.at(images_of, (groups, codes), 1)
    np.add.at(correct_of, (groups, codes), correct)
    rng = np.random.default_rng(seed)
    resamples = (np.bincount(rng.integers(shape[0], size=shape[0]), minlength=shape[0]) for _ in range(RESAMPLES))
    weights = np.stack((np.ones(shape[0]), *resamples))
    images, recognised = weights @ images_of, weights @ correct_of
    sensitivities = np.divide(recognised, images, out=np.zeros_like(recognised), where=images > 0)
    rates = sensitivities.sum(axis=1) / (images > 0).sum(axis=1)
    low, high = np.percentile(rates[1:], (2.5, 97.5))
    return float(rates[0]), float(low), float(high)
