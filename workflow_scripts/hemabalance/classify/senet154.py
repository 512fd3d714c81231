"""SENet-154 with the thesis's gather-excite head or without (§3.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from hemabalance.classify import learning
from hemabalance.classify.imagenet_start import REMEDY, read_tensors
from hemabalance.classify.network_model import UNCHANGED, Architecture, NetworkModel
from hemabalance.errors import InputError
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.senet154_ge import Senet154GE
from hemabalance.networks.senet154_weights import start_from_imagenet
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class Settings(learning.Settings):
    """The method's settings; see `networks.senet154` and `networks.senet154_ge`.

    Attributes:
        gather_excite: with the head of the thesis; else with SENet-154's own.
        depths: bottlenecks of each of the four stages.
        groups: of the 3x3 convolutions.
        width: channels of the first stage, before expansion.
        stem: channels of the first convolution.
        extent: of gather-excite, in pixels of the last map; 0 for all of it. Without the head it changes nothing.
    """

    gather_excite: bool
    depths: Sequence[int]
    groups: int
    width: int
    stem: int
    extent: int


def build(settings: Mapping[str, Any], *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; `settings` are the attributes of `Settings`, errors as `NetworkModel`.

    ImageNet weights are a file with the names of timm's `legacy_senet154`, for the full shape alone.
    """
    own = Settings(**settings)

    def make(count: int) -> nn.Module:
        shape = (count, own.depths, own.groups, own.width, own.stem, own.drop_rate)
        return Senet154GE(*shape, own.extent) if own.gather_excite else Senet154(*shape)

    architecture = Architecture(
        name="SENet-154-GE" if own.gather_excite else "SENet-154",
        make=make,
        smallest=Senet154.min_size,
        colours=UNCHANGED,
        begin=_begin,
    )
    return NetworkModel("senet154", architecture, own, classes=classes, size=size, runtime=runtime)


def _begin(network: Senet154, path: Path) -> None:
    try:
        start_from_imagenet(network, read_tensors(path))
    except ValueError as error:
        raise InputError(path, str(error), REMEDY) from error
