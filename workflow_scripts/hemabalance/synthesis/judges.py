"""Networks that judge images: Inception features, LPIPS and a classifier that no generator was trained with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hemabalance.metrics.inception_features import InceptionFeatures
from hemabalance.metrics.lpips import LPIPSModel
from hemabalance.training.classifier import Classifier
from hemabalance.training.device import Runtime

_BATCH = 32  # of Inception and AlexNet; affects results by rounding only

FeatureExtractor = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 (n, size, size, 3) -> Inception features float32 (n, 2048)."""


@dataclass(frozen=True)
class Judges:
    """Networks that judge images.

    Attributes:
        inception: features for FID, KID and manifolds.
        perceptual: LPIPS.
        classifier: classifier trained on real training images only.
    """

    inception: FeatureExtractor
    perceptual: LPIPSModel
    classifier: Classifier


def open_inception(weights: Path, runtime: Runtime) -> InceptionFeatures:
    """Inception on the device of the runtime; errors as in `open_judges`."""
    return InceptionFeatures(weights, runtime.device, _BATCH)


def open_perceptual(weights: Path, runtime: Runtime) -> LPIPSModel:
    """LPIPS on the device of the runtime; errors as in `open_judges`."""
    return LPIPSModel(weights, runtime.device, _BATCH)


def open_judges(inception: Path, lpips: Path, classifier: Path, *, runtime: Runtime) -> Judges:
    """Load all three networks.

    Args:
        inception: weights file that `metrics.inception_weights.WEIGHTS.fetch` wrote.
        lpips: weights file that `metrics.lpips_weights.WEIGHTS.fetch` wrote.
        classifier: weights file that `training.classifier.fit_classifier` wrote.
        runtime: device of the networks.

    Raises:
        InputError: a file is missing, damaged or of another kind.
    """
    return Judges(
        open_inception(inception, runtime),
        open_perceptual(lpips, runtime),
        Classifier(classifier, runtime.device),
    )
