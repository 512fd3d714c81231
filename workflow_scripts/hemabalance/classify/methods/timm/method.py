"""Networks of the package timm, as compared in the thesis (Fig. 52); nothing is downloaded."""

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

TIMM_NAMES = {"xception": "legacy_xception"}
"""Architectures that have another name in timm."""

SMALLEST = {"inception_v3": 75}
"""Smallest input side in pixels. Inception v3 has convolutions without padding."""
DEFAULT_SMALLEST = 32
"""Smallest input side of the other architectures, which halve an image five times."""


def build(settings: TimmSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; errors as `NetworkModel`.

    ImageNet weights must have the tensor names of the installed version of timm.
    """
    name = TIMM_NAMES.get(settings.architecture, settings.architecture)
    pretrained_cfg: Any = timm.get_pretrained_cfg(name)

    def create(count: int) -> nn.Module:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=count, drop_rate=settings.drop_rate)
        return network

    def load_imagenet(network: nn.Module, path: Path) -> None:
        # The auxiliary classifier of Inception is used only in training.
        initialise_from_imagenet(network, path, (f"{pretrained_cfg.classifier}.", "AuxLogits."))

    architecture = Architecture(
        name=settings.architecture,
        create=create,
        smallest=SMALLEST.get(settings.architecture, DEFAULT_SMALLEST),
        colours=(pretrained_cfg.mean, pretrained_cfg.std),
        load_imagenet=load_imagenet,
    )
    return NetworkModel("timm", architecture, settings, classes=classes, size=size, runtime=runtime)
