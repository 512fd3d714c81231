"""A plain stack of convolutions, one of the networks that the thesis compares with (Fig. 52)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemabalance.classify import learning
from hemabalance.classify.network_model import UNCHANGED, Architecture, NetworkModel
from hemabalance.networks.sequential_cnn import SequentialCNN
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class Settings(learning.Settings):
    """The method's settings.

    Attributes:
        width: channels of the first convolution.
    """

    width: int


def build(settings: Mapping[str, Any], *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; `settings` are the attributes of `Settings`, errors as `NetworkModel`."""
    own = Settings(**settings)
    architecture = Architecture(
        name="sequential CNN",
        make=lambda count: SequentialCNN(count, own.width, own.drop_rate),
        smallest=SequentialCNN.min_size,
        colours=UNCHANGED,
        begin=None,
    )
    return NetworkModel("sequential_cnn", architecture, own, classes=classes, size=size, runtime=runtime)
