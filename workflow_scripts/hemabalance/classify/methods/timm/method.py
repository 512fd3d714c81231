"""Networks of the package timm, as the thesis compares with them (Fig. 52); nothing is ever downloaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from hemabalance.classify.imagenet_initialisation import initialise_from_imagenet
from hemabalance.classify.methods.timm import TimmSettings
from hemabalance.classify.network_model import Architecture, NetworkModel
from hemabalance.torchvision_compat import make_torchvision_importable
from hemabalance.training.device import Runtime

make_torchvision_importable()

import timm  # noqa: E402

TIMMS_NAME = {"xception": "legacy_xception"}
"""Where timm calls an architecture otherwise."""

SMALLEST = {"inception_v3": 75}
"""In pixels: its convolutions without padding leave nothing of less. All others halve an image five times."""
HALVED = 32


def build(settings: TimmSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; errors as `NetworkModel`.

    ImageNet weights are a file with the names that this version of timm gives to tensors.
    """
    name = TIMMS_NAME.get(settings.architecture, settings.architecture)
    pretrained_cfg: Any = timm.get_pretrained_cfg(name)

    def create(count: int) -> nn.Module:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=count, drop_rate=settings.drop_rate)
        return network

    def begin(network: nn.Module, path: Path) -> None:
        # Inception's second classifier only helped its training.
        initialise_from_imagenet(network, path, (f"{pretrained_cfg.classifier}.", "AuxLogits."))

    architecture = Architecture(
        name=settings.architecture,
        create=create,
        smallest=SMALLEST.get(settings.architecture, HALVED),
        colours=(pretrained_cfg.mean, pretrained_cfg.std),
        begin=begin,
    )
    return NetworkModel("timm", architecture, settings, classes=classes, size=size, runtime=runtime)
