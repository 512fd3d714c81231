"""A plain stack of convolutions, one of the networks that the thesis compares with (Fig. 52)."""

from pydantic import Field

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import NetworkSettings


class SequentialCNNSettings(NetworkSettings):
    """A sequence of convolutions and poolings."""

    width: int = Field(32, ge=4)
    """Channels of the first convolution."""


TRAITS = ClassifierTraits(trains_networks=True)
