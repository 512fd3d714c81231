"""What a method hands to the loop."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import Sampler


class Trainable(Protocol):
    """Networks in training and all that changes with them, by name.

    Networks may be wrapped by `Runtime.setup`. Every torch.Generator that `step` draws from must be among
    `generators`; PyTorch's, NumPy's and Python's global generators are kept besides. Nothing else is: what depends on
    the number of the step asks `Runtime.step`, and further tensors (a replay buffer) are buffers of a module among
    `networks`.
    """

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """All networks, trained and frozen."""

    @property
    def optimizers(self) -> Mapping[str, Optimizer]:
        """Their optimisers."""

    @property
    def schedulers(self) -> Mapping[str, LRScheduler]:
        """Schedules of the learning rates."""

    @property
    def averages(self) -> Mapping[str, ExponentialAverage]:
        """Running averages of networks."""

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        """Orders in which images come."""

    @property
    def generators(self) -> Mapping[str, torch.Generator]:
        """Random number generators."""

    def step(self) -> Mapping[str, Tensor]:
        """One optimisation step, of schedulers and averages too; its losses by name, detached, 0-dim."""
        ...


@runtime_checkable
class StopsEarly(Protocol):
    """A trainable that may have enough before the last step of its schedule."""

    @property
    def finished(self) -> bool:
        """Whether to take no further step.

        Asked after every step and after a resume: the same in all processes, and a matter of what checkpoints keep
        alone. On the CPU, so that a GPU is not waited for.
        """
        ...
