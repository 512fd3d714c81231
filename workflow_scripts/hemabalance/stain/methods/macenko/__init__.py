"""Stain vectors as robust extremes of angle (Macenko et al. 2009, IEEE Int. Symp. Biomed. Imaging, 1107)."""

from pydantic import Field

from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TwoStainSettings


class MacenkoSettings(TwoStainSettings):
    """Macenko 2009: extreme angles in the plane of the two main directions."""

    alpha: float = Field(1.0, gt=0, lt=50)
    """Percentile of the angle, and its complement, at which the two stains lie."""


TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False)
