"""Reptile: first-order meta-learning of the networks of a GAN, to learn a class from few images (thesis Eq. 43)."""

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
from hemabalance.synthesis.sampling import first_latents
from hemabalance.synthesis.settings import ReptileSettings
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.tasks import Tasks
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import Sampler, augment_dihedral
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob

SettingsT = TypeVar("SettingsT", bound=ReptileSettings)


class Reptile(ABC, Generic[SettingsT]):
    """A `Trainable`: a step is one episode or, after all episodes, one update of the adaptation to a served class.

    An episode (Nichol, Achiam, Schulman 2018, arXiv:1803.02999): the task networks start from the meta-weights and
    learn one class from few images with a new optimizer; then the meta-weights move a step towards the task weights.
    An adaptation does the same without that step. Both overwrite the networks `task_*` at their start; so does the
    temporary adaptation for a snapshot, which uses its own random numbers.

    History: the losses of each episode's last update, `distance` (L2 over all networks between task weights and
    meta-weights, Eq. 43), and `*_adapt`, the losses of adaptations.

    Args:
        networks: networks by name, initialised here.
        optimizer_groups: optimizer name -> networks that it updates; the networks of `generator` have moving averages.
        served: class -> network that holds the result for this served class.
        settings: settings of the method.
        tasks: the images.
        classes: trained and served classes.
        snapshots: filled during training.
        job: runtime and seed.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
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
        rng = torch.Generator().manual_seed(job.seed)
        self.meta: dict[str, nn.Module] = {}
        self.task: dict[str, nn.Module] = {}
        for name, network in networks.items():
            initialise(network, rng)
            self.meta[name] = network.to(self.runtime.device).requires_grad_(False)
            task_network = deepcopy(network).requires_grad_(True)
            # Channels last makes an update a seventh faster on the CPU.
            task_network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.task[name] = self.runtime.setup(task_network)
        beta1, beta2 = settings.betas
        self.optimizers: dict[str, Optimizer] = {
            group: Adam(
                chain.from_iterable(self.task[name].parameters() for name in names),
                lr=settings.lr,
                betas=(beta1, beta2),
            )
            for group, names in optimizer_groups.items()
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
        """Number of training steps: episodes and adaptation updates."""
        return self.settings.episodes + len(self.classes.served) * self.settings.adapt_steps

    @abstractmethod
    def update(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """One update of the task networks on images of the class; losses by name, detached, 0-dim."""

    @abstractmethod
    def store_adapted(self, label: str, rng: torch.Generator) -> None:
        """Copy the task networks, or their moving averages if enabled, to `served[label]`."""

    def step(self) -> Mapping[str, Tensor]:
        """One episode or one update of an adaptation; losses by name, detached, 0-dim."""
        update = self.runtime.step - self.settings.episodes - 1
        return self.episode() if update < 0 else self.adaptation(*divmod(update, self.settings.adapt_steps))

    def episode(self) -> dict[str, Tensor]:
        """One task and one step of the meta-weights; a snapshot if one is due."""
        settings, step = self.settings, self.runtime.step
        # Not from `self.rng`, which differs between processes: all processes must train on the same task.
        label = self.classes.trained[np.random.default_rng([self.seed, step]).integers(len(self.classes.trained))]
        images = self.tasks.sample_task_images(label, settings.shots, settings.taught_share, self.rng)
        self.reset_task()
        for _ in range(settings.inner_steps):
            losses = self.update(self.augmented(images, self.rng), self.rng)
        losses["distance"] = self.distance()
        for name, meta in self.meta.items():
            outer_step(meta, unwrapped(self.task[name]), settings.outer_step)
        if self.snapshots.due(step) and step != self.snapshots.steps[-1]:
            for served in self.classes.served:
                self.adapt_for_snapshot(served)
        return losses

    def adaptation(self, class_index: int, update: int) -> dict[str, Tensor]:
        """One adaptation update, counted from 0, to the served class with this index."""
        label = self.classes.served[class_index]
        if update == 0:
            self.reset_task()
        losses = self.adapt(label, self.rng)
        if update == self.settings.adapt_steps - 1:
            self.store_adapted(label, self.rng)
            if self.snapshots.steps:
                self.take_snapshot(self.snapshots.steps[-1], label)
        return {f"{name}_adapt": loss for name, loss in losses.items()}

    def reset_task(self) -> None:
        """Set task networks and moving averages to the meta-weights, and reset the optimizers."""
        for name, meta in self.meta.items():
            unwrapped(self.task[name]).load_state_dict(meta.state_dict())
        for optimizer in self.optimizers.values():
            optimizer.state.clear()
        for name, average in self.averages.items():
            average.load_state_dict(self.meta[name].state_dict())

    def adapt(self, label: str, rng: torch.Generator) -> dict[str, Tensor]:
        """One update for a served class, on its real images."""
        images = self.tasks.real(label, self.settings.shots, rng)
        losses = self.update(self.augmented(images, rng), rng)
        for average in self.averages.values():
            average.update()
        return losses

    def adapt_for_snapshot(self, label: str) -> None:
        """Adapt to a class from the current meta-weights and store images, without an effect on the training."""
        rng = self.runtime.generator(f"snapshot/{self.runtime.step}/{label}")
        self.reset_task()
        for _ in range(self.settings.snapshot_adapt_steps):
            self.adapt(label, rng)
        self.store_adapted(label, rng)
        self.take_snapshot(self.runtime.step, label)

    @torch.no_grad()
    def take_snapshot(self, step: int, label: str) -> None:
        """Store images of `served[label]`, from the first latents of `sampling.sample`."""
        count, device = self.snapshots.images_per_class, self.runtime.device
        index, width = self.classes.index(label), self.settings.latent
        z = first_latents(self.seed, index, count, width, device)
        self.snapshots.store(step, label, self.served[label](z, torch.arange(count, device=device)))

    def augmented(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """The images, in random poses if augmentation is enabled."""
        augmented = augment_dihedral(images, rng) if self.settings.augment else images
        return augmented.contiguous(memory_format=torch.channels_last)

    def noise(self, count: int, rng: torch.Generator) -> Tensor:
        """Latent vectors, float32 (count, latent), standard normal, on the device."""
        return torch.randn((count, self.settings.latent), generator=rng, device=self.runtime.device)

    def minimise(self, loss: Tensor, optimizer_group: str) -> None:
        """One step of the optimizer of a group."""
        self.runtime.minimise(
            loss,
            self.optimizers[optimizer_group],
            [self.task[name] for name in self.optimizer_groups[optimizer_group]],
            optimizer_group,
        )

    def judge(self, images: Tensor) -> Tensor:
        """Logits of the frozen discriminator: gradients reach the images, but not the discriminator."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        frozen = unwrapped(self.task["discriminator"]).requires_grad_(False).eval()
        with self.runtime.autocast():
            logits: Tensor = frozen(images)
        frozen.requires_grad_(True).train()
        return logits

    def adapted_network(self, name: str) -> nn.Module:
        """A task network for later use: its moving average if there is one."""
        return self.averages[name].module if name in self.averages else unwrapped(self.task[name])

    @torch.no_grad()
    def distance(self) -> Tensor:
        """L2 distance between meta-weights and task weights, over the parameters of all networks."""
        pairs = [
            pair
            for name in self.meta
            for pair in zip(self.task[name].parameters(), self.meta[name].parameters(), strict=True)
        ]
        return nn.utils.get_total_norm([task - meta for task, meta in pairs])


@torch.no_grad()
def outer_step(meta: nn.Module, task: nn.Module, share: float) -> None:
    """Move meta-weights towards task weights: theta + share (task - theta) (thesis Eq. 43, arXiv:1803.02999).

    Floating-point buffers are interpolated like weights, because they include the singular vectors of spectral
    normalisation. Integer buffers (batch counts) are copied.

    Args:
        meta: meta-network, changed in place.
        task: network of the same architecture.
        share: in [0, 1]; 1 copies the task weights, 0 keeps the meta-weights.
    """
    meta_state, task_state = meta.state_dict(), task.state_dict()
    floating = [name for name, value in meta_state.items() if value.is_floating_point()]
    torch._foreach_lerp_([meta_state[name] for name in floating], [task_state[name] for name in floating], share)
    for name in meta_state.keys() - set(floating):
        meta_state[name].copy_(task_state[name])
