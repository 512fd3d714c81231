"""Running statistics of batch normalisation, for weights that have just come into being."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BATCHES = 16
"""Enough for a generator's statistics, which are an average over them."""


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the running statistics of batch normalisation to their mean over some batches; leaves evaluation mode.

    Those of the training are of weights that are gone. With these, what the network gives for one input does not
    depend on what else is in the batch.

    Args:
        network: changed in place.
        batches: inputs as the network will get them, each batch alike important.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's word for the plain mean over all batches
    network.train()
    for batch in batches:
        network(batch)
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
