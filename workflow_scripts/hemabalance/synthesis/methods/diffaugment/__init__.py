"""DiffAugment, a rival of the few-shot generator (thesis Tables 21, 22; Zhao et al. 2020, arXiv:2006.10738)."""

from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import ConditionalSettings
from hemabalance.training.augmentation_policy import Policy


class DiffAugmentSettings(ConditionalSettings):
    """DiffAugment (Zhao 2020): CGAN whose discriminator sees all images differentiably augmented."""

    policy: Policy = ("colour", "translation", "cutout")
    """Kinds of augmentation, in this order; the paper uses all three with few images."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rare", meta_learned=False)
