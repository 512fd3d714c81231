"""StainGAN (Shaban, Baur, Navab, Albarqouni, ISBI 2019, arXiv:1804.01601): CycleGAN for stain, no identity loss."""

from hemabalance.section import Count, Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import CycleTranslatorSettings


class StainGANSettings(CycleTranslatorSettings):
    """StainGAN (Shaban 2019): CycleGAN without identity loss."""

    batch: Count = 4
    """Images of each domain per step; 4 in the authors' code."""
    lambda_identity: Weight = 0.0
    """Weight of the identity loss; the paper has none. The authors' code has one, of weight 5 by default."""


TRAITS = NormalizerTraits(trains_networks=True, paired=False, invertible=True)
