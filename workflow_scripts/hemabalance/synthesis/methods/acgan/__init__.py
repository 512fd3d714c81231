"""AC-GAN, a baseline of C-WGAN-GP (thesis Tables 17-20; Odena, Olah, Shlens 2017, arXiv:1610.09585)."""

from hemabalance.section import Weight
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import ConditionalSettings


class ACGANSettings(ConditionalSettings):
    """AC-GAN (Odena 2017): one discriminator says whether an image is real, and of which class."""

    class_weight: Weight = 1.0
    """Weight of the cross-entropy of the class (the paper's L_C) for discriminator and generator; 1 in the paper."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
