"""SENet-154 with or without the gather-excite head of the thesis (§3.7)."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from hemabalance.classify.imagenet_initialisation import REMEDY, read_tensors
from hemabalance.classify.methods.senet154 import SENet154Settings
from hemabalance.classify.network_model import UNCHANGED, Architecture, NetworkModel
from hemabalance.errors import InputError
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.senet154_ge import Senet154GE
from hemabalance.networks.senet154_weights import load_imagenet_weights
from hemabalance.training.device import Runtime


def build(settings: SENet154Settings, *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; errors as `NetworkModel`.

    ImageNet weights must have the tensor names of timm's `legacy_senet154`; they fit the full shape only.
    """

    def create(count: int) -> nn.Module:
        shape = (count, settings.depths, settings.groups, settings.width, settings.stem, settings.drop_rate)
        return Senet154GE(*shape, settings.extent) if settings.gather_excite else Senet154(*shape)

    architecture = Architecture(
        name="SENet-154-GE" if settings.gather_excite else "SENet-154",
        create=create,
        smallest=Senet154.min_size,
        colours=UNCHANGED,
        load_imagenet=_load_imagenet,
    )
    return NetworkModel("senet154", architecture, settings, classes=classes, size=size, runtime=runtime)


def _load_imagenet(network: Senet154, path: Path) -> None:
    try:
        load_imagenet_weights(network, read_tensors(path))
    except ValueError as error:
        raise InputError(path, str(error), REMEDY) from error
