"""Distribution calibration (Yang 2021, arXiv:2101.06395) on frozen MobileNetV2 features (trained on ImageNet)."""

from pydantic import Field

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import FrozenFeatureSettings
from hemabalance.section import Count


class DistributionCalibrationSettings(FrozenFeatureSettings):
    """Logistic regression on frozen ImageNet features, and on features drawn for the rare classes."""

    base_images: int = Field(150, ge=2)
    """Classes with at least so many training images lend their covariances; features are drawn for the others."""
    power: float = Field(0.5, gt=0, le=1)
    """Exponent of the features (Tukey's ladder of powers); 1 leaves them as they are."""
    nearest: Count = 2
    """Number of the nearest well-filled classes that an image of a rare class borrows from; at most all of them."""
    alpha: float = Field(0.21, ge=0)
    """Number that is added to every entry of the covariance."""
    draws: int = Field(500, ge=0)
    """Features drawn for each rare class, in equal numbers around each of its images."""


TRAITS = ClassifierTraits(trains_networks=False, frozen_features=True)
