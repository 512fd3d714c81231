"""Settings that several methods of stain normalisation share."""

from typing import Annotated, Literal

from pydantic import Field

from hemabalance.section import Beta, Count, Share, Weight
from hemabalance.stain.method import NormalizerSettings
from hemabalance.training.settings import Decay, NetworkTraining, Rate

Width = Annotated[int, Field(ge=1, le=256)]


class TranslatorSettings(NetworkTraining, NormalizerSettings):
    """What every method has that trains a generator to each domain."""

    width: Width = 64
    """Channels of the generators' first level."""
    critic_width: Width = 64
    """Channels of the critics' first level."""
    critic_layers: int = Field(3, ge=1, le=6)
    """Convolutions of stride 2 in a critic; 3 judges patches of 70x70 pixels, 2 of 34x34."""
    lr: Rate = 2e-4
    """Adam's learning rate, for generators and critics."""
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    """Adam's two."""
    batch: Count = 8
    """Images of each domain a step."""
    steps: Count = 150_000
    """Updates of the generators; the thesis trains 150 epochs of some thousand images."""
    average_decay: Decay = 0.999
    """The generators used are an exponential average of those trained; 0: those trained."""
    decay_from: Share = 0.5
    """Share of the steps after which the learning rate falls linearly to 0; 1 keeps it constant."""
    augment: bool = True
    """Draw each training image in a random one of its eight poses."""


class ClassicalSettings(NormalizerSettings):
    """What the methods share that describe a domain by a few numbers."""

    source: Literal["image", "domain"] = "image"
    """Whose statistics an image is brought from: its own, as published, or those of its domain, one map for all."""
    fit_images: Count = 1000
    """Images of a domain to fit at most, all classes together."""


class TwoStainSettings(ClassicalSettings):
    """What the methods share that find two stains by optical density."""

    light: Literal["white", "domain", "image"] = "image"
    """Incoming light of each channel: 255, as published, or the background of the domain or of each image."""
    background_percentile: float = Field(90.0, ge=0, lt=100)
    """The background is the median of the pixels at least as bright as this percentile."""
    beta: Weight = 0.15
    """Optical density (natural logarithm) in every channel from which on a pixel counts as stained."""
    least_stained: float = Field(0.01, ge=0, lt=1)
    """Share of stained pixels under which an image is blank and passed through."""
    fit_pixels: int = Field(200_000, ge=100)
    """Stained pixels of a domain to find its stains in at most."""
