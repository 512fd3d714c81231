"""What images are judged with: Inception features, LPIPS and a classifier that no generator used."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hemabalance.metrics.inception_features import InceptionFeatures
from hemabalance.metrics.lpips import LPIPSModel
from hemabalance.training.classifier import Classifier
from hemabalance.training.device import Runtime

_BATCH = 32  # through Inception and AlexNet; without effect on what they say

FeatureExtractor = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 (n, size, size, 3) -> Inception features float32 (n, 2048)."""


@dataclass(frozen=True)
class Judges:
    """The networks that look at images.

    Attributes:
        inception: features for distances between sets, and for manifolds.
        perceptual: LPIPS.
        classifier: trained on real training images alone.
    """

    inception: FeatureExtractor
    perceptual: LPIPSModel
    classifier: Classifier


def open_inception(weights: Path, runtime: Runtime) -> InceptionFeatures:
    """Inception, where the runtime is; errors as `open_judges`."""
    return InceptionFeatures(weights, runtime.device, _BATCH)


def open_perceptual(weights: Path, runtime: Runtime) -> LPIPSModel:
    """LPIPS, where the runtime is; errors as `open_judges`."""
    return LPIPSModel(weights, runtime.device, _BATCH)


def open_judges(inception: Path, lpips: Path, classifier: Path, *, runtime: Runtime) -> Judges:
    """Load them.

    Args:
        inception: weights that `metrics.inception_weights.WEIGHTS.fetch` wrote.
        lpips: weights that `metrics.lpips_weights.WEIGHTS.fetch` wrote.
        classifier: weights that `training.classifier.fit_classifier` wrote.
        runtime: where they run.

    Raises:
        InputError: a file is missing, damaged or another one.
    """
    return Judges(
        open_inception(inception, runtime),
        open_perceptual(lpips, runtime),
        Classifier(classifier, runtime.device),
    )
