"""SENet-154 (Hu 2018, arXiv:1709.01507) with the gather-excite head of the thesis (§3.7), or with its own."""

from typing import Literal

from pydantic import Field

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import NetworkSettings


class SENet154Settings(NetworkSettings):
    """SENet-154 (Hu 2018), with the head of the thesis or its own."""

    gather_excite: bool = True
    """With the head of thesis §3.7; false: with SENet-154's own."""
    depths: tuple[int, int, int, int] = (3, 8, 36, 3)
    """Bottlenecks of each of the four stages."""
    groups: int = Field(64, ge=1)
    """Groups of the 3x3 convolutions."""
    width: int = Field(64, ge=4)
    """Channels of the first stage, before expansion."""
    stem: int = Field(64, ge=4)
    """Channels of the first convolution."""
    extent: Literal[0, 2, 4, 8] = 0
    """Extent of gather-excite, in pixels of the last map; 0: all of it. Without that head it changes nothing."""


TRAITS = ClassifierTraits(trains_networks=True)
