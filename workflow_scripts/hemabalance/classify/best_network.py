"""The network with the lowest validation loss, kept during training."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class BestNetwork(nn.Module):
    """A copy of a network at its lowest validation loss, and the number of validations since then.

    A module without trainable parameters. Put it into `Trainable.networks`, so that checkpoints include its state.

    Args:
        network: the network to be copied, on its device.
    """

    loss: Tensor
    """Loss of the copy, float32; -1 before the first offer, because checkpoints accept finite numbers only."""
    waited: Tensor
    """Offers since the loss last fell, int64; on the CPU, because it is read after every step."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = deepcopy(network).eval().requires_grad_(False)
        device = next(network.parameters()).device
        self.register_buffer("loss", torch.tensor(-1.0, device=device))
        self.register_buffer("waited", torch.tensor(0))

    @torch.no_grad()
    def offer(self, network: nn.Module, loss: float) -> None:
        """Copy the network if its loss is lower than that of the copy.

        Args:
            network: network of the same architecture.
            loss: its loss on the validation images, not negative.
        """
        better = float(self.loss) < 0 or loss < float(self.loss)
        self.waited.fill_(0 if better else int(self.waited) + 1)
        if better:
            self.copy(network)
            self.loss.fill_(loss)

    @torch.no_grad()
    def copy(self, network: nn.Module) -> None:
        """Copy the network, whatever its loss."""
        self.network.load_state_dict(network.state_dict())
