"""CycleGAN (Zhu, Park, Isola, Efros, ICCV 2017, arXiv:1703.10593): least-squares critics and a history of fakes."""

from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import CycleTranslatorSettings


class CycleGANSettings(CycleTranslatorSettings):
    """CycleGAN (Zhu 2017): ResNet generators, least squares."""


TRAITS = NormalizerTraits(trains_networks=True, paired=False, invertible=True)
