"""Colour transfer by mean and standard deviation (Reinhard et al. 2001, IEEE Comput. Graph. Appl. 21(5):34)."""

from hemabalance.section import Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import ClassicalSettings


class ReinhardSettings(ClassicalSettings):
    """Reinhard 2001: mean and standard deviation of each channel of CIELAB."""

    least_contrast: Weight = 2.0
    """An image with a smaller standard deviation of L* (0..100) is blank and passed through."""


TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False)
