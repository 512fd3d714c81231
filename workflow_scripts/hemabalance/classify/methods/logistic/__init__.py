"""Multinomial logistic regression on frozen MobileNetV2 features (trained on ImageNet): the baseline."""

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import FrozenFeatureSettings


class LogisticSettings(FrozenFeatureSettings):
    """Logistic regression on frozen ImageNet features: the baseline."""


TRAITS = ClassifierTraits(trains_networks=False, frozen_features=True)
