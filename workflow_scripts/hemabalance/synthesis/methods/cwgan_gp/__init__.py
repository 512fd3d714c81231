"""CWGAN-GP, the baseline of C-WGAN-GP (thesis Tables 17-20): two players, the critic being told the class."""

from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import ConditionalSettings


class CWGANGPSettings(ConditionalSettings):
    """CWGAN-GP (Gulrajani 2017, conditional): generator and a critic that is told the class."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
