"""CGAN, a baseline of C-WGAN-GP (thesis Tables 17-20; Mirza, Osindero 2014, arXiv:1411.1784)."""

from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import ConditionalSettings


class CGANSettings(ConditionalSettings):
    """CGAN (Mirza 2014): the class is an input of generator and discriminator."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
