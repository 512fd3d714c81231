"""The interface between a method and the training loop."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import Sampler


class Trainable(Protocol):
    """Networks in training and all state that changes with them, by name.

    Networks may be wrapped by `Runtime.setup`. Every torch.Generator that `step` uses must be among `generators`; the
    global generators of PyTorch, NumPy and Python are saved as well. No other state is saved: code that depends on
    the number of the step uses `Runtime.step`, and further tensors (a replay buffer) must be buffers of a module among
    `networks`.
    """

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """All networks, trained and frozen."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """Optimisers of the networks."""

    @property
    def schedulers(self) -> Mapping[str, LRScheduler]:
        """Schedules of the learning rates."""

    @property
    def averages(self) -> Mapping[str, ExponentialAverage]:
        """Exponential averages of networks."""

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        """Samplers of the training images."""

    @property
    def generators(self) -> Mapping[str, torch.Generator]:
        """Random number generators."""

    def step(self) -> Mapping[str, Tensor]:
        """One optimisation step, including schedulers and averages; its losses by name, detached, 0-dim."""
        ...


@runtime_checkable
class StopsEarly(Protocol):
    """A trainable that may end before the last step of its schedule."""

    @property
    def finished(self) -> bool:
        """Whether to take no further step.

        Read after every step and after a resume. The value must be the same in all processes and depend only on state
        that checkpoints save. It should be computed on the CPU, so that the loop does not wait for the GPU.
        """
        ...
