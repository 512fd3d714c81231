"""pix2pix (Isola, Zhu, Zhou, Efros, CVPR 2017, arXiv:1611.07004), one model for each direction, on rendered pairs."""

from typing import Literal

from hemabalance.section import Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TranslatorSettings


class Pix2PixSettings(TranslatorSettings):
    """pix2pix (Isola 2017), trained on rendered pairs."""

    up: Literal["transposed", "resize"] = "transposed"
    """How the generators double a map: transposed convolutions, as in the paper, or resize and convolve."""
    residual: bool = False
    """The generators add to the image what they make; false, as in the paper: they make the image."""
    l1_weight: Weight = 100.0
    """Weight of the mean absolute difference to the true image; 100 in the paper."""


TRAITS = NormalizerTraits(trains_networks=True, paired=True, invertible=True)
