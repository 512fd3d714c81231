"""Multinomial logistic regression on frozen MobileNetV2 features (trained on ImageNet): the baseline.

No network is trained. A neural classifier that does not exceed this baseline is not worth its training.
"""

from collections.abc import Sequence

from hemabalance.classify.frozen_features import LinearClassifier
from hemabalance.classify.methods.logistic import LogisticSettings
from hemabalance.classify.sklearn_model import SklearnModel
from hemabalance.training.device import Runtime


def build(settings: LogisticSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> SklearnModel:
    """An untrained model."""
    classifier = LinearClassifier(settings, runtime)
    return SklearnModel("logistic", classifier, settings, classes=classes, size=size, runtime=runtime)
