"""How well a simple classifier reads a label off features: what those features give away."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from hemabalance.metrics.intervals import RESAMPLES

COMPONENTS = 64


@dataclass(frozen=True)
class Probe:
    """What a probe found; where `reason` says why it cannot be computed, the values are None.

    Attributes:
        n: images probed.
        groups: of images that belong together, such as copies.
        classes: told apart, in order.
        left_out: classes in fewer groups than there are folds; their images are not among `n`.
        accuracy: balanced accuracy on images not trained on: the mean over classes of the share recognised.
        low, high: its 95 % interval, by a bootstrap over groups.
        chance: what guessing gets, 1 / number of classes.
        reason: why there is no accuracy.
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
    """Cross-validate a logistic regression, in folds stratified by class that keep groups whole.

    Features are standardised; of more than 64, the 64 main components are taken. Both, and the regression (L2 with
    C = 1, classes weighted alike), are fitted in each fold on its training part alone.

    Args:
        features: float (n, k), finite.
        target: str (n,), the class of each image.
        groups: (n,), images of one group are never on both sides of a fold.
        folds: at least 2.
        seed: of folds, components and resamples.
    """
    target, groups = np.asarray(target), np.asarray(groups)
    names = np.unique(target)
    kept = [name for name in names if len(np.unique(groups[target == name])) >= folds]
    left_out = tuple(str(name) for name in names if name not in kept)
    chosen = np.isin(target, kept)
    features, target, groups = features[chosen], target[chosen], np.unique(groups[chosen], return_inverse=True)[1]
    count = int(groups.max()) + 1 if len(groups) else 0

    def found(accuracy: float | None, low: float | None, high: float | None, reason: str | None) -> Probe:
        chance = 1 / len(kept) if reason is None else None
        return Probe(len(target), count, tuple(map(str, kept)), left_out, accuracy, low, high, chance, reason)

    if len(kept) < 2:
        return found(None, None, None, f"fewer than two classes are in at least {folds} groups of images")
    right = _recognised(features, target, groups, folds, seed)
    if right is None:
        return found(None, None, None, "the groups leave a fold with a single class to train on")
    return found(*_balanced_accuracy(right, target, groups, seed), None)


def _recognised(
    features: np.ndarray, target: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> np.ndarray | None:
    """Bool (n,): the class of each image, told by a model that did not train on its group; None where impossible."""
    right = np.zeros(len(target), bool)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(features, target, groups)
    for train, test in split:
        if not len(test):
            continue
        if len(np.unique(target[train])) < 2:
            return None
        model = _model(len(train), features.shape[1], seed).fit(features[train], target[train])
        right[test] = model.predict(features[test]) == target[test]
    return right


def _model(n: int, k: int, seed: int) -> Pipeline:
    steps = [StandardScaler()]
    if k > COMPONENTS:
        steps.append(PCA(min(COMPONENTS, n), svd_solver="randomized", random_state=seed))
    return make_pipeline(*steps, LogisticRegression(class_weight="balanced", max_iter=1000))


def _balanced_accuracy(
    right: np.ndarray, target: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float, float]:
    """Balanced accuracy and its 95 % interval; a resample without a class averages over the others."""
    codes = np.unique(target, return_inverse=True)[1]
    shape = (groups.max() + 1, codes.max() + 1)
    total, correct = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (groups, codes), 1)
    np.add.at(correct, (groups, codes), right)
    rng = np.random.default_rng(seed)
    drawn = (np.bincount(rng.integers(shape[0], size=shape[0]), minlength=shape[0]) for _ in range(RESAMPLES))
    weights = np.stack((np.ones(shape[0]), *drawn))
    seen, told = weights @ total, weights @ correct
    rates = np.divide(told, seen, out=np.zeros_like(told), where=seen > 0).sum(axis=1) / (seen > 0).sum(axis=1)
    low, high = np.percentile(rates[1:], (2.5, 97.5))
    return float(rates[0]), float(low), float(high)
