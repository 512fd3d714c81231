"""Gaussian naive Bayes on a few pixels, one of the methods that the thesis compares with (Fig. 52)."""

from pydantic import Field

from hemabalance.classify.method import ClassifierSettings, ClassifierTraits
from hemabalance.section import Weight


class NaiveBayesSettings(ClassifierSettings):
    """Gaussian naive Bayes."""

    side: int = Field(16, ge=1, le=128)
    """Side in pixels to which images are reduced by averaging."""
    var_smoothing: Weight = 1e-3
    """Share of the largest variance of all features that is added to every variance."""


TRAITS = ClassifierTraits(trains_networks=False)
