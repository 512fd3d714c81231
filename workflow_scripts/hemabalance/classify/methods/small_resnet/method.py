"""A small residual network, see `networks.small_resnet`."""

from collections.abc import Sequence

from torch import nn

from hemabalance.classify.methods.small_resnet import SmallResnetSettings
from hemabalance.classify.network_model import UNCHANGED, Architecture, NetworkModel
from hemabalance.networks.small_resnet import SmallResnet
from hemabalance.training.device import Runtime


def build(settings: SmallResnetSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; errors as `NetworkModel`."""

    def create(count: int) -> nn.Module:
        network = SmallResnet(count, settings.width, settings.norm)
        network.head = nn.Sequential(nn.Dropout(settings.drop_rate), network.head)
        return network

    architecture = Architecture(
        name="small ResNet",
        create=create,
        smallest=SmallResnet.smallest(settings.norm),
        colours=UNCHANGED,
        load_imagenet=None,
    )
    return NetworkModel("small_resnet", architecture, settings, classes=classes, size=size, runtime=runtime)
