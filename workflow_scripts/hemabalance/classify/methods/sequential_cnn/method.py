"""A plain stack of convolutions, one of the networks that the thesis compares with (Fig. 52)."""

from collections.abc import Sequence

from hemabalance.classify.methods.sequential_cnn import SequentialCNNSettings
from hemabalance.classify.network_model import UNCHANGED, Architecture, NetworkModel
from hemabalance.networks.sequential_cnn import SequentialCNN
from hemabalance.training.device import Runtime


def build(settings: SequentialCNNSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> NetworkModel:
    """An untrained model; errors as `NetworkModel`."""
    architecture = Architecture(
        name="sequential CNN",
        create=lambda count: SequentialCNN(count, settings.width, settings.drop_rate),
        smallest=SequentialCNN.min_size,
        colours=UNCHANGED,
        load_imagenet=None,
    )
    return NetworkModel("sequential_cnn", architecture, settings, classes=classes, size=size, runtime=runtime)
