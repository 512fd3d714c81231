"""Multinomial logistic regression on features that MobileNetV2 learned on ImageNet: the line to beat."""

from pydantic import Field

from hemabalance.classify.method import ClassifierSettings, ClassifierTraits


class LogisticSettings(ClassifierSettings):
    """Logistic regression on frozen ImageNet features: the line to beat."""

    features: str = ""
    """File of the frozen network's weights, which the workflow fetches and names here. Only a training reads it: what a
    trained model keeps has them inside."""
    C: float = Field(0.01, gt=0)
    """Inverse strength of the L2 penalty on standardised features."""
    input_size: int = Field(224, ge=32, le=512)
    """Side that images are brought to for the frozen network, in pixels; 32 is the least that MobileNetV2 takes."""
    balanced: bool = True
    """Weigh classes alike; false: images."""


TRAITS = ClassifierTraits(trains_networks=False, frozen_features=True)
