"""A small residual network (He 2016, arXiv:1512.03385) that two processor cores train in minutes."""

from typing import ClassVar, Literal

from pydantic import Field

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import NetworkSettings


class SmallResnetSettings(NetworkSettings):
    """A residual network of four blocks for small images."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (*NetworkSettings.OPTIONAL, "norm")

    width: int = Field(24, ge=1, le=256)
    """Channels of the first stage; the fourth has eight times as many. 24 gives 0.69 million parameters."""
    input_size: int = Field(64, ge=16, le=512)
    """Input side of the network in pixels; images are resized to it on the device."""
    norm: Literal["batch", "group", "instance"] = "batch"
    """Normalisation of the maps; group and instance normalisation use no statistics of the training images, which those
    of another laboratory may not have. `instance` needs an `input_size` of 17 or more."""


TRAITS = ClassifierTraits(trains_networks=True)
