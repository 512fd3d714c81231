"""SENet-154 (Hu 2018, arXiv:1709.01507) with the gather-excite head of the thesis (§3.7) or its original head."""

from typing import Literal

from pydantic import Field

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import NetworkSettings


class SENet154Settings(NetworkSettings):
    """SENet-154 (Hu 2018), with the gather-excite head of the thesis or its original head."""

    gather_excite: bool = True
    """Use the head of thesis §3.7; false: the original head of SENet-154."""
    depths: tuple[int, int, int, int] = (3, 8, 36, 3)
    """Number of bottlenecks in each of the four stages."""
    groups: int = Field(64, ge=1)
    """Groups of the 3x3 convolutions."""
    width: int = Field(64, ge=4)
    """Channels of the first stage, before expansion."""
    stem: int = Field(64, ge=4)
    """Channels of the first convolution."""
    extent: Literal[0, 2, 4, 8] = 0
    """Extent of gather-excite in pixels of the last map; 0: the whole map. Ignored with the original head."""


TRAITS = ClassifierTraits(trains_networks=True)
