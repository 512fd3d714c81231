"""MobileNetV2, fine-tuned from the ImageNet weights whose frozen features the baseline uses."""

from collections.abc import Sequence
from pathlib import Path

from hemabalance.classify.imagenet_initialisation import initialise_from_imagenet
from hemabalance.classify.methods.mobilenet_v2 import MobileNetV2Settings
from hemabalance.classify.methods.mobilenet_v2.network import FineTunedMobileNetV2
from hemabalance.classify.network_model import Architecture, NetworkModel
from hemabalance.metrics import imagenet_weights
from hemabalance.metrics.imagenet_features import MEAN, STD
from hemabalance.training.device import Runtime


def build(settings: MobileNetV2Settings, *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; errors as `NetworkModel`. A training needs the weights that `settings` names."""
    pinned = settings.imagenet_file if settings.pretrained and settings.imagenet_weights is None else None

    def load_imagenet(network: FineTunedMobileNetV2, path: Path) -> None:
        if pinned is not None:
            imagenet_weights.WEIGHTS.load(path)  # refuses any other file
        initialise_from_imagenet(network, path, ("classifier.",))

    architecture = Architecture(
        name="MobileNetV2",
        create=lambda count: FineTunedMobileNetV2(
            count, settings.drop_rate, freeze_batch_norm=settings.freeze_batch_norm
        ),
        smallest=FineTunedMobileNetV2.min_size,
        colours=(MEAN, STD),
        load_imagenet=load_imagenet,
    )
    return NetworkModel(
        "mobilenet_v2", architecture, settings, classes=classes, size=size, runtime=runtime, start=pinned
    )
