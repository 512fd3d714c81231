"""Learning to learn a class from few images: first-order meta-learning of the players of a GAN (thesis Eq. 43)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hemabalance.networks.layers import initialise
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import BLOCK, latents
from hemabalance.synthesis.settings import ReptileSettings
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.tasks import Tasks
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import Sampler, augment_dihedral
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob

SettingsT = TypeVar("SettingsT", bound=ReptileSettings)


class Reptile(ABC, Generic[SettingsT]):
    """A `Trainable`: a step is an episode, and after the episodes one update in the adaptation of a class.

    An episode (Nichol, Achiam, Schulman 2018, arXiv:1803.02999): players that start from the meta-weights learn one
    class from few images with an optimiser of their own, and the meta-weights take a step towards where they ended.
    An adaptation goes the same way without that step. Both use the networks `task_*`, which each episode and each
    adaptation first overwrites; so does the adaptation for a snapshot, with random numbers of its own.

    History: the losses of each episode's last update, `distance` (L2, all players: how far the task led from the
    meta-weights, Eq. 43), and `*_adapt`, the losses of adaptations.

    Args:
        players: networks by name, initialised here.
        optimizer_groups: which players learn together, by the name of their optimiser; those of `generator` are averaged.
        served: what is to be found, a network for each class that is served.
        settings: of the method.
        tasks: the images.
        classes: trained and served.
        snapshots: to fill along the training.
        job: runtime and seed.
    """

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        optimizer_groups: Mapping[str, tuple[str, ...]],
        served: Mapping[str, nn.Module],
        settings: SettingsT,
        tasks: Tasks,
        classes: Classes,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        self.runtime, self.settings, self.tasks, self.seed = job.runtime, settings, tasks, job.seed
        self.classes, self.served, self.snapshots, self.optimizer_groups = classes, served, snapshots, optimizer_groups
        drawn = torch.Generator().manual_seed(job.seed)
        self.meta: dict[str, nn.Module] = {}
        self.task: dict[str, nn.Module] = {}
        for name, player in players.items():
            initialise(player, drawn)
            self.meta[name] = player.to(self.runtime.device).requires_grad_(False)
            # Channels last: on the CPU an update takes a seventh less time.
            learner = deepcopy(player).requires_grad_(True)
            learner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.task[name] = self.runtime.setup(learner)
        first, second = settings.betas
        self.optimizers: dict[str, Optimizer] = {
            optimizer_group: Adam(
                chain.from_iterable(self.task[name].parameters() for name in names),
                lr=settings.lr,
                betas=(first, second),
            )
            for optimizer_group, names in optimizer_groups.items()
        }
        self.averages: dict[str, ExponentialAverage] = {}
        if settings.average_decay:
            for name in optimizer_groups["generator"]:
                self.averages[name] = ExponentialAverage(self.task[name], settings.average_decay)
        self.networks: dict[str, nn.Module] = {
            **{f"meta_{name}": network for name, network in self.meta.items()},
            **{f"task_{name}": network for name, network in self.task.items()},
            **{f"served_{label}": network for label, network in served.items()},
            "snapshots": snapshots,
        }
        self.rng = self.runtime.generator("chance")
        self.generators = {"chance": self.rng}
        self.schedulers: dict[str, LRScheduler] = {}
        self.samplers: dict[str, Sampler] = {}

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.settings.episodes + len(self.classes.served) * self.settings.adapt_steps

    @abstractmethod
    def update(self, images: Tensor, chance: torch.Generator) -> dict[str, Tensor]:
        """One update of the task's players on images of its class; losses by name, detached, 0-dim."""

    @abstractmethod
    def store_adapted(self, label: str, chance: torch.Generator) -> None:
        """Make `served[label]` of the players as they are, averaged if there are averages."""

    def step(self) -> Mapping[str, Tensor]:
        """An episode, or an update in an adaptation; losses by name, detached, 0-dim."""
        done = self.runtime.step - self.settings.episodes - 1
        return self.episode() if done < 0 else self.adaptation(*divmod(done, self.settings.adapt_steps))

    def episode(self) -> dict[str, Tensor]:
        """One task, and the step of the meta-weights; a snapshot if one is due."""
        own, step = self.settings, self.runtime.step
        # Not from `chance`, which differs between processes: all must update_networks the same task.
        label = self.classes.trained[np.random.default_rng([self.seed, step]).integers(len(self.classes.trained))]
        images = self.tasks.sample_task_images(label, own.shots, own.taught_share, self.rng)
        self.reset_task()
        for _ in range(own.inner_steps):
            losses = self.update(self.posed(images, self.rng), self.rng)
        losses["distance"] = self.distance()
        for name, meta in self.meta.items():
            outer_step(meta, unwrapped(self.task[name]), own.outer_step)
        if self.snapshots.due(step) and step != self.snapshots.steps[-1]:
            for served in self.classes.served:
                self.adapt_for_snapshot(served)
        return losses

    def adaptation(self, turn: int, place: int) -> dict[str, Tensor]:
        """Update number `place` for class number `turn`."""
        label = self.classes.served[turn]
        if place == 0:
            self.reset_task()
        losses = self.adapt(label, self.rng)
        if place == self.settings.adapt_steps - 1:
            self.store_adapted(label, self.rng)
            if self.snapshots.steps:
                self.take_snapshot(self.snapshots.steps[-1], label)
        return {f"{name}_adapt": loss for name, loss in losses.items()}

    def reset_task(self) -> None:
        """Bring the task's players to the meta-weights, and their optimisers and averages to where those initialise_training."""
        for name, meta in self.meta.items():
            unwrapped(self.task[name]).load_state_dict(meta.state_dict())
        for optimizer in self.optimizers.values():
            optimizer.state.clear()
        for name, average in self.averages.items():
            average.load_state_dict(self.meta[name].state_dict())

    def adapt(self, label: str, chance: torch.Generator) -> dict[str, Tensor]:
        """One update for a class that is served, on real images of it."""
        images = self.tasks.real(label, self.settings.shots, chance)
        losses = self.update(self.posed(images, chance), chance)
        for average in self.averages.values():
            average.update()
        return losses

    def adapt_for_snapshot(self, label: str) -> None:
        """Adapt to a class from the present meta-weights, keep images, and leave no trace in the training."""
        chance = self.runtime.generator(f"snapshot/{self.runtime.step}/{label}")
        self.reset_task()
        for _ in range(self.settings.snapshot_adapt_steps):
            self.adapt(label, chance)
        self.store_adapted(label, chance)
        self.take_snapshot(self.runtime.step, label)

    @torch.no_grad()
    def take_snapshot(self, step: int, label: str) -> None:
        """Images by what `store_adapted` made, from the latents that sampling begins with."""
        each, device = self.snapshots.each, self.runtime.device
        blocks = [latents(self.seed, label, block, self.settings.latent) for block in range(-(-each // BLOCK))]
        z = torch.from_numpy(np.concatenate(blocks)[:each]).to(device)
        self.snapshots.take(step, label, self.served[label](z, torch.arange(each, device=device)))

    def posed(self, images: Tensor, chance: torch.Generator) -> Tensor:
        """The images, in random poses if the settings say so."""
        posed = augment_dihedral(images, chance) if self.settings.augment else images
        return posed.contiguous(memory_format=torch.channels_last)

    def noise(self, count: int, chance: torch.Generator) -> Tensor:
        """Latent vectors, float32 (count, latent), standard normal, on the device."""
        return torch.randn((count, self.settings.latent), generator=chance, device=self.runtime.device)

    def minimise(self, loss: Tensor, optimizer_group: str) -> None:
        """One step of a optimizer_group's optimiser."""
        self.runtime.minimise(
            loss,
            self.optimizers[optimizer_group],
            [self.task[name] for name in self.optimizer_groups[optimizer_group]],
            optimizer_group,
        )

    def judge(self, images: Tensor) -> Tensor:
        """Logits whose gradient reaches the images and not the discriminator, which stands still meanwhile."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        still = unwrapped(self.task["discriminator"]).requires_grad_(False).eval()
        with self.runtime.autocast():
            logits: Tensor = still(images)
        still.requires_grad_(True).train()
        return logits

    def adapted_network(self, name: str) -> nn.Module:
        """A player of the task as it is to be used: its average if there is one."""
        return self.averages[name].module if name in self.averages else unwrapped(self.task[name])

    @torch.no_grad()
    def distance(self) -> Tensor:
        """From the meta-weights to the task's, over the parameters of all players."""
        pairs = [
            pair
            for name in self.meta
            for pair in zip(self.task[name].parameters(), self.meta[name].parameters(), strict=True)
        ]
        return nn.utils.get_total_norm([there - here for there, here in pairs])


@torch.no_grad()
def outer_step(meta: nn.Module, task: nn.Module, share: float) -> None:
    """Move meta-weights towards a task's: theta + share (task - theta) (thesis Eq. 43, arXiv:1803.02999).

    Floating-point buffers move alike, for they belong to the weights: the vectors by which spectral normalisation
    knows its singular value. Whole-number buffers (batch counts) are copied.

    Args:
        meta: changed in place.
        task: a network of the same shape.
        share: in [0, 1]; 1 takes over the task's weights, 0 leaves the meta-weights.
    """
    own, other = meta.state_dict(), task.state_dict()
    moving = [name for name, value in own.items() if value.is_floating_point()]
    torch._foreach_lerp_([own[name] for name in moving], [other[name] for name in moving], share)
    for name in own.keys() - set(moving):
        own[name].copy_(other[name])
