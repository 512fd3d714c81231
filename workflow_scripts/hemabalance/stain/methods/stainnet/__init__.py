"""StainNet (Kang et al., Frontiers in Medicine 8, 2021, arXiv:2012.12535): a mapping of single colours, distilled."""

from pydantic import Field

from hemabalance.section import Count
from hemabalance.stain.method import NormalizerSettings, NormalizerTraits
from hemabalance.training.settings import NetworkTraining, Rate


class StainNetSettings(NetworkTraining, NormalizerSettings):
    """StainNet (Kang 2021): three 1x1 convolutions that imitate another normaliser, the entry's `teacher`."""

    width: int = Field(32, ge=1, le=1024)
    """Channels of the two hidden layers; 32 in the paper."""
    lr: Rate = 0.01
    """First learning rate of SGD, which falls to 0 along a cosine; 0.01 in the paper."""
    batch: Count = 10
    """Images of each domain per step; 10 in the paper."""
    steps: Count = 30_000
    """Updates; the paper trains 300 epochs."""
    fit_images: Count = 2000
    """Maximum number of images per domain that the teacher maps for the training, all classes together; all images in
    the paper."""


TRAITS = NormalizerTraits(trains_networks=True, paired=False, invertible=True, needs_teacher=True)
