"""Networks of the package timm, as the thesis compares with them (Fig. 52); nothing is ever downloaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from hemabalance.classify import learning
from hemabalance.classify.imagenet_start import begin_with
from hemabalance.classify.network_model import Architecture, NetworkModel
from hemabalance.errors import InputError
from hemabalance.torchvision_compat import make_torchvision_importable
from hemabalance.training.device import Runtime

make_torchvision_importable()

import timm  # noqa: E402

ARCHITECTURES = {
    "vgg19": "vgg19",
    "resnet50": "resnet50",
    "inception_v3": "inception_v3",
    "xception": "legacy_xception",
    "efficientnet_b0": "efficientnet_b0",
    "resnext101_64x4d": "resnext101_64x4d",
    "seresnext50_32x4d": "seresnext50_32x4d",
}
"""A name in config -> timm's."""

SMALLEST = {"inception_v3": 75}
"""In pixels: its convolutions without padding leave nothing of less. All others halve an image five times."""
_HALVED = 32


@dataclass(frozen=True)
class Settings(learning.Settings):
    """The method's settings.

    Attributes:
        architecture: one of `ARCHITECTURES`.
    """

    architecture: str


def build(settings: Mapping[str, Any], *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; `settings` are the attributes of `Settings`, errors as `NetworkModel`.

    ImageNet weights are a file with the names that this version of timm gives to tensors.
    """
    own = Settings(**settings)
    if own.architecture not in ARCHITECTURES:
        problem = f"is {own.architecture!r}, which is not among those known here"
        raise InputError("config key architecture", problem, f"Take one of {', '.join(ARCHITECTURES)}")
    known: Any = timm.get_pretrained_cfg(ARCHITECTURES[own.architecture])

    def make(count: int) -> nn.Module:
        network: nn.Module = timm.create_model(
            ARCHITECTURES[own.architecture], pretrained=False, num_classes=count, drop_rate=own.drop_rate
        )
        return network

    def begin(network: nn.Module, path: Path) -> None:
        # Inception's second classifier only helped its training.
        begin_with(network, path, (f"{known.classifier}.", "AuxLogits."))

    architecture = Architecture(
        name=own.architecture,
        make=make,
        smallest=SMALLEST.get(own.architecture, _HALVED),
        colours=(known.mean, known.std),
        begin=begin,
    )
    return NetworkModel("timm", architecture, own, classes=classes, size=size, runtime=runtime)
