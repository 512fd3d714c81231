"""The network at its best validation, kept while training goes on."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class BestNetwork(nn.Module):
    """A copy of a network as it was when it did best, and how long ago that was.

    A module without trained parameters, so that checkpoints keep all of it: put it among `Trainable.networks`.

    Args:
        network: what is offered later on, on its device.
    """

    loss: Tensor
    """Of the copy, float32; -1 before the first, for checkpoints hold finite numbers alone."""
    waited: Tensor
    """int64, offers since the loss last fell; on the CPU, for it is looked at after every step."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = deepcopy(network).eval().requires_grad_(False)
        device = next(network.parameters()).device
        self.register_buffer("loss", torch.tensor(-1.0, device=device))
        self.register_buffer("waited", torch.tensor(0))

    @torch.no_grad()
    def offer(self, network: nn.Module, loss: float) -> None:
        """Take the network over if its loss is lower.

        Args:
            network: of the same architecture.
            loss: of the validation images, not negative.
        """
        better = float(self.loss) < 0 or loss < float(self.loss)
        self.waited.fill_(0 if better else int(self.waited) + 1)
        if better:
            self.take(network)
            self.loss.fill_(loss)

    @torch.no_grad()
    def take(self, network: nn.Module) -> None:
        """Take the network over, whatever its loss."""
        self.network.load_state_dict(network.state_dict())
