"""InfoGAN, a baseline of C-WGAN-GP (thesis Tables 17-20; Chen et al. 2016, arXiv:1606.03657)."""

from hemabalance.section import Count, Weight
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import ConditionalSettings


class InfoGANSettings(ConditionalSettings):
    """InfoGAN (Chen 2016): learns categories and two continuous factors without labels."""

    category_weight: Weight = 1.0
    """Weight of the information about the categorical code (the paper's λ); 1 in the paper (section 6)."""
    continuous_weight: Weight = 0.1
    """Weight of the information about the continuous codes; the paper demands a smaller one than for the category."""
    naming_draws: Count = 64
    """Number of images of each categorical code by which the judge names the codes after classes."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False, asks_judge=True)
