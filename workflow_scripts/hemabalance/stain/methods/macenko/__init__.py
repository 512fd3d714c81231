"""Stain vectors at robust extremes of the angle (Macenko et al. 2009, IEEE Int. Symp. Biomed. Imaging, 1107)."""

from pydantic import Field

from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TwoStainSettings


class MacenkoSettings(TwoStainSettings):
    """Macenko 2009: extreme angles in the plane of the two main directions."""

    alpha: float = Field(1.0, gt=0, lt=50)
    """The two stains are at this percentile of the angle and at its complement."""


TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False)
