"""Multinomial logistic regression on frozen MobileNetV2 features (trained on ImageNet): the baseline."""

from pydantic import Field

from hemabalance.classify.method import ClassifierSettings, ClassifierTraits


class LogisticSettings(ClassifierSettings):
    """Logistic regression on frozen ImageNet features: the baseline."""

    features: str = ""
    """File of the frozen network's weights, set by the workflow, which fetches it. Read only by trainings: a trained
    model contains these weights."""
    C: float = Field(0.01, gt=0)
    """Inverse strength of the L2 penalty on standardised features."""
    input_size: int = Field(224, ge=32, le=512)
    """Input side of the frozen network in pixels; MobileNetV2 needs at least 32."""
    balanced: bool = True
    """Give all classes the same weight; false: all images."""


TRAITS = ClassifierTraits(trains_networks=False, frozen_features=True)
