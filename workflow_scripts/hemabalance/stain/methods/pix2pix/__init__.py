"""pix2pix (Isola, Zhu, Zhou, Efros, CVPR 2017, arXiv:1611.07004) on rendered pairs, one model for each direction."""

from typing import Literal

from hemabalance.section import Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TranslatorSettings


class Pix2PixSettings(TranslatorSettings):
    """pix2pix (Isola 2017), trained on rendered pairs."""

    up: Literal["transposed", "resize"] = "transposed"
    """Up-sampling of the generators: transposed convolutions, as in the paper, or resize and convolution."""
    residual: bool = False
    """The output of a generator is added to its input image; false, as in the paper: the output is the image."""
    l1_weight: Weight = 100.0
    """Weight of the mean absolute difference to the true image; 100 in the paper."""


TRAITS = NormalizerTraits(trains_networks=True, paired=True, invertible=True)
