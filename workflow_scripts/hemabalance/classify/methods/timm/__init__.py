"""Networks of the package timm, as compared in the thesis (Fig. 52)."""

from typing import Literal

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import NetworkSettings

Architecture = Literal[
    "vgg19", "resnet50", "inception_v3", "xception", "efficientnet_b0", "resnext101_64x4d", "seresnext50_32x4d"
]


class TimmSettings(NetworkSettings):
    """A network of the package timm."""

    architecture: Architecture = "resnet50"
    """Name of the network."""


TRAITS = ClassifierTraits(trains_networks=True)
