"""Settings shared by several methods of stain normalisation."""

from typing import Annotated, Literal

from pydantic import Field

from hemabalance.section import Beta, Count, Share, Weight
from hemabalance.stain.method import NormalizerSettings
from hemabalance.training.settings import Decay, NetworkTraining, Rate

Width = Annotated[int, Field(ge=1, le=256)]


class TranslatorSettings(NetworkTraining, NormalizerSettings):
    """Settings of all methods that train a generator for each domain."""

    width: Width = 64
    """Channels of the generators' first level."""
    critic_width: Width = 64
    """Channels of the critics' first level."""
    critic_layers: int = Field(3, ge=1, le=6)
    """Convolutions of stride 2 in a critic; 3 gives patches of 70x70 pixels, 2 of 34x34."""
    lr: Rate = 2e-4
    """Learning rate of Adam, for generators and critics."""
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    """Beta1 and beta2 of Adam."""
    batch: Count = 8
    """Images of each domain per step."""
    steps: Count = 150_000
    """Updates of the generators; the thesis trains 150 epochs of some thousand images."""
    average_decay: Decay = 0.999
    """Decay of the exponential average of the generators that is saved; 0 (thesis): the generators themselves are
    saved."""
    decay_from: Share = 0.5
    """Share of the steps after which the learning rate falls linearly to 0; 1 keeps it constant."""
    augment: bool = True
    """Show each training image in a random one of its eight poses."""


class CycleTranslatorSettings(TranslatorSettings):
    """Settings of the methods that train as CycleGAN does."""

    blocks: int = Field(9, ge=1, le=12)
    """Residual blocks of a generator; in the paper of CycleGAN 9 from 256 pixels on, and 6 below."""
    lambda_cycle: Weight = 10.0
    """Weight of the cycle loss; 10 in the paper."""
    lambda_identity: Weight = 5.0
    """Weight of the identity loss; half of lambda_cycle in the paper of CycleGAN. 0: it is not computed."""
    remembered: int = Field(50, ge=0)
    """Size of the history of fakes of each domain for the critics; 50 in the paper of CycleGAN."""


class ClassicalSettings(NormalizerSettings):
    """Settings of the methods that describe a domain by a few numbers."""

    source: Literal["image", "domain"] = "image"
    """Source statistics of the mapping: of each image, as published, or of its domain, the same for all images."""
    fit_images: Count = 1000
    """Maximum number of images per domain for the fit, all classes together."""


class TwoStainSettings(ClassicalSettings):
    """Settings of the methods that separate two stains by optical density."""

    light: Literal["white", "domain", "image"] = "image"
    """Incoming light of each channel: 255 (as published; makes a stain of the peach background of source A), or the
    background of the domain or of each image."""
    background_percentile: float = Field(90.0, ge=0, lt=100)
    """The background is the median of the pixels at least as bright as this percentile."""
    beta: Weight = 0.15
    """A pixel is stained if its optical density (natural logarithm) is at least this in every channel."""
    least_stained: float = Field(0.01, ge=0, lt=1)
    """An image with a smaller share of stained pixels is blank and passed through."""
    fit_pixels: int = Field(200_000, ge=100)
    """Maximum number of stained pixels per domain for the fit of its stains."""
