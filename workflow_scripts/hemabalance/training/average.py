"""The exponential moving average of a network's weights: the copy that is saved and used."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from hemabalance.training.device import unwrapped


class ExponentialAverage:
    """After k updates `decay**k * w0 + (1 - decay) * sum_i decay**(k - i) * w_i` of every floating-point tensor.

    Parameters and buffers are averaged alike; integer buffers (batch counts) are copied. As in ProGAN (Karras 2018)
    and StyleGAN, there is no bias correction: the average starts from the initial weights.

    Args:
        module: the network in training, wrapped by `Runtime.setup` or not; call `update` after each optimiser step.
        decay: in [0, 1); 0.999 averages over about the last thousand steps.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}, not in [0, 1)")
        self.decay = decay
        self._source = unwrapped(module)
        self.module = deepcopy(self._source).eval().requires_grad_(False)
        """The averaged copy, in evaluation mode, on the same device."""

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network's current weights."""
        averaged, current = self.module.state_dict(), self._source.state_dict()
        floating = [name for name, value in current.items() if value.is_floating_point()]
        if floating:
            torch._foreach_lerp_([averaged[k] for k in floating], [current[k] for k in floating], 1 - self.decay)
        for name in current.keys() - set(floating):
            averaged[name].copy_(current[name])

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged tensors."""
        state: dict[str, Tensor] = self.module.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the averaged tensors that `state_dict` returned."""
        self.module.load_state_dict(state)
