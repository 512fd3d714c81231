"""Recompute the running statistics of batch normalisation after the weights were replaced."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BATCHES = 16
"""Number of batches that the statistics of a generator are averaged over."""


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the running statistics of batch normalisation to their mean over batches, and switch to evaluation mode.

    The statistics of the training belong to earlier weights. With the new statistics, the output for an input does not
    depend on the rest of the batch.

    Args:
        network: changed in place.
        batches: inputs as in later use; all batches have the same weight.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain mean over all batches
    network.train()
    for batch in batches:
        network(batch)
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
