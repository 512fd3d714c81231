"""CycleGAN (Zhu, Park, Isola, Efros, ICCV 2017, arXiv:1703.10593): least-squares critics and a history of fakes."""

from pydantic import Field

from hemabalance.section import Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TranslatorSettings


class CycleGANSettings(TranslatorSettings):
    """CycleGAN (Zhu 2017): ResNet generators, least squares."""

    blocks: int = Field(9, ge=1, le=12)
    """Residual blocks of a generator; in the paper 9 from 256 pixels on, and 6 below."""
    lambda_cycle: Weight = 10.0
    """Weight of the cycle loss; 10 in the paper."""
    lambda_identity: Weight = 5.0
    """Weight of the identity loss; half of lambda_cycle in the paper."""
    remembered: int = Field(50, ge=0)
    """Size of the history of fakes of each domain for the critics; 50 in the paper."""


TRAITS = NormalizerTraits(trains_networks=True, paired=False, invertible=True)
