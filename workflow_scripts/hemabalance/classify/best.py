"""The network at its best validation, kept while training goes on."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class Best(nn.Module):
    """A copy of a network as it was when it did best, and how long ago that was.

    A module without trained parameters, so that checkpoints keep all of it: put it among `Trainee.networks`.

    Args:
        network: what is offered later on, on its device.
    """

    score: Tensor
    """Of the copy, float32; -1 before the first."""
    loss: Tensor
    """Of the copy, float32."""
    waited: Tensor
    """int64, offers since the score last rose; on the CPU, for it is looked at after every step."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = deepcopy(network).eval().requires_grad_(False)
        device = next(network.parameters()).device
        self.register_buffer("score", torch.tensor(-1.0, device=device))
        self.register_buffer("loss", torch.tensor(0.0, device=device))
        self.register_buffer("waited", torch.tensor(0))

    @torch.no_grad()
    def offer(self, network: nn.Module, score: float, loss: float) -> None:
        """Take the network over if its score is higher, or its loss lower at the same score.

        Args:
            network: of the same architecture.
            score: the higher the better, not negative.
            loss: the lower the better; it breaks ties, and does not count for `waited`.
        """
        before, risen = float(self.score), score > float(self.score)
        self.waited.fill_(0 if risen else int(self.waited) + 1)
        if risen or (score == before and loss < float(self.loss)):
            self.take(network)
            self.score.fill_(score)
            self.loss.fill_(loss)

    @torch.no_grad()
    def take(self, network: nn.Module) -> None:
        """Take the network over, whatever its score."""
        self.network.load_state_dict(network.state_dict())
