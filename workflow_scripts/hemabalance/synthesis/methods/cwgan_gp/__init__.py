"""CWGAN-GP, the baseline of C-WGAN-GP (thesis Tables 17-20): a generator and a class-conditional critic."""

from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import WassersteinSettings


class CWGANGPSettings(WassersteinSettings):
    """CWGAN-GP (Gulrajani 2017, conditional): generator and class-conditional critic."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
