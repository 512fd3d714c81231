"""Distribution calibration: features are drawn for rare classes from Gaussians whose shape well-filled classes lend.

Yang, Liu, Xu, ICLR 2021, arXiv:2101.06395. The paper raises only the features of the rare classes to a power; here all
features are, so that distances and covariances are on one scale.
"""

from collections.abc import Sequence

import numpy as np

from hemabalance.classify.frozen_features import LinearClassifier
from hemabalance.classify.methods.distribution_calibration import DistributionCalibrationSettings
from hemabalance.classify.sklearn_model import SklearnModel
from hemabalance.errors import InputError
from hemabalance.training.device import Runtime


class DistributionCalibration(LinearClassifier):
    """A `sklearn_model.SklearnEstimator`."""

    def __init__(self, settings: DistributionCalibrationSettings, runtime: Runtime) -> None:
        super().__init__(settings, runtime)
        self.calibration = settings

    def transformed(self, features: np.ndarray) -> np.ndarray:
        """The features to the power of `power` (Eq. 5)."""
        powers: np.ndarray = np.power(features, self.calibration.power)
        return powers

    def examples(self, features: np.ndarray, targets: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The features of the images, and those drawn for the rare classes."""
        return with_drawn(features, targets, self.calibration, np.random.default_rng(seed))


def with_drawn(
    features: np.ndarray, targets: np.ndarray, settings: DistributionCalibrationSettings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The features and targets of n images, followed by `draws` drawn ones of each rare class.

    Args:
        features: float64 (n, d).
        targets: int (n,), numbered from 0.
        settings: which classes are rare, and how features are drawn.
        rng: random generator.

    Raises:
        InputError: no class has `base_images` images.
    """
    counts = np.bincount(targets)
    base = [features[targets == k] for k in np.flatnonzero(counts >= settings.base_images)]
    if not base:
        problem = f"is {settings.base_images}, but the largest class has {counts.max()} training images"
        raise InputError("config key base_images", problem, "Set it to the size of a well-filled class, or less")
    drawn, drawn_targets = [features], [targets]
    for k in np.flatnonzero(counts < settings.base_images):
        images = features[targets == k]
        shares = np.diff(np.linspace(0, settings.draws, len(images) + 1).round().astype(int))
        for image, count in zip(images, shares, strict=True):
            drawn.append(draw(image, base, int(count), settings, rng))
        drawn_targets.append(np.full(settings.draws, k))
    return np.concatenate(drawn), np.concatenate(drawn_targets)


def draw(
    image: np.ndarray,
    base: Sequence[np.ndarray],
    count: int,
    settings: DistributionCalibrationSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """Features drawn around those of an image (Eqs. 6 and 7).

    The mean is that of the image's features and the means of the k = `nearest` base classes with the nearest means; the
    covariance is the mean of the covariances of these classes, plus `alpha` in every entry.

    Args:
        image: float64 (d,).
        base: features of each base class, float64 (two or more, d).
        count: number of features to draw.
        settings: of the method.
        rng: random generator.

    Returns:
        float64 (count, d).
    """
    means = np.stack([features.mean(0) for features in base])
    nearest = np.argsort(np.square(means - image).sum(1), kind="stable")[: settings.nearest]
    mean = (means[nearest].sum(0) + image) / (len(nearest) + 1)
    # Sums of centred features with normal weights have their covariance, without a matrix of d x d numbers.
    deviation = np.sqrt(settings.alpha) * rng.standard_normal((count, 1))
    for k in nearest:
        centred = (base[k] - means[k]) / np.sqrt(len(nearest) * (len(base[k]) - 1))
        deviation = deviation + rng.standard_normal((count, len(centred))) @ centred
    drawn: np.ndarray = mean + deviation
    return drawn


def build(
    settings: DistributionCalibrationSettings, *, classes: Sequence[str], size: int, runtime: Runtime
) -> SklearnModel:
    """An untrained model."""
    classifier = DistributionCalibration(settings, runtime)
    return SklearnModel("distribution_calibration", classifier, settings, classes=classes, size=size, runtime=runtime)
