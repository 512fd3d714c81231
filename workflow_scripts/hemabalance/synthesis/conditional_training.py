"""Training of a class-conditional generator against a critic; the methods add their losses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.networks.conditional import ConditionalGenerator
from hemabalance.networks.layers import he_std, initialise
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.sampling import take_snapshots
from hemabalance.synthesis.settings import ConditionalSettings
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.learning_rate import linear_decay

SettingsT = TypeVar("SettingsT", bound=ConditionalSettings)


class ConditionalTraining(ABC, Generic[SettingsT]):
    """A `Trainable`: generator, critic and possibly further networks, each with its own optimizer.

    A subclass whose critic is unconditional may override `sample_real`.

    Args:
        networks: `generator`, `critic` and further networks of a subclass; initialised here.
        settings: settings of the method.
        real: batches of real images.
        snapshots: filled during training.
        job: runtime and seed.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        settings: SettingsT,
        real: ClassBatches,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        self.runtime, self.settings, self.real, self.seed = job.runtime, settings, real, job.seed
        rng = torch.Generator().manual_seed(job.seed)
        self.networks: dict[str, nn.Module] = {"snapshots": snapshots}
        self.optimizers: dict[str, Optimizer] = {}
        for name, network in networks.items():
            initialise(network, rng, he_std)
            beta1, beta2 = settings.betas
            adam = Adam(network.parameters(), lr=self.learning_rate(name), betas=(beta1, beta2))
            self.networks[name], self.optimizers[name] = self.runtime.setup(network, adam)
        self.generator, self.critic, self.snapshots = self.networks["generator"], self.networks["critic"], snapshots
        self.schedulers: dict[str, LRScheduler] = {
            name: LambdaLR(optimizer, linear_decay(settings.steps, settings.decay_from))
            for name, optimizer in self.optimizers.items()
        }
        self.averages: dict[str, ExponentialAverage] = {}
        if settings.average_decay:
            self.averages["generator"] = ExponentialAverage(self.generator, settings.average_decay)
        self.samplers = {"real": real.sampler}
        self.generators = {name: self.runtime.generator(name) for name in ("latents", "between")}
        self.generators |= real.generators

    def learning_rate(self, network: str) -> float:
        """Adam's learning rate for a network."""
        return self.settings.lr

    def step(self) -> Mapping[str, Tensor]:
        """One update of all networks, learning rates and the moving average; losses by name, detached, 0-dim."""
        losses = self.update_networks()
        for scheduler in self.schedulers.values():
            scheduler.step()
        for average in self.averages.values():
            average.update()
        if self.snapshots.due(self.runtime.step):
            self.take_snapshots()
        return losses

    def update_networks(self) -> dict[str, Tensor]:
        """`critic_steps` updates of the critic; the generator's update uses the batch of the last one."""
        for _ in range(self.settings.critic_steps - 1):
            real, targets = self.sample_real()
            with torch.no_grad():
                fake = self.sample_fakes(targets)
            self.update_critic(real, fake, targets)
        real, targets = self.sample_real()
        fake = self.sample_fakes(targets)
        losses = self.update_critic(real, fake.detach(), targets)
        return losses | self.update_generator(fake, targets)

    def sample_real(self) -> tuple[Tensor, Tensor]:
        """Batch of real images, and the targets of the fakes of the same batch: here the classes of the images."""
        return self.real.next_batch()

    def sample_fakes(self, targets: Tensor) -> Tensor:
        """Generated images of the target classes, float32 (n, 3, size, size) in [-1, 1]."""
        generator = cast(ConditionalGenerator, unwrapped(self.generator))
        z = torch.randn(
            (len(targets), self.settings.latent), generator=self.generators["latents"], device=targets.device
        )
        images: Tensor = self.generator(generator.encode(z, targets))
        return images

    @abstractmethod
    def update_critic(self, real: Tensor, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the critic on real images and detached fakes of the targets; losses by name, detached, 0-dim."""

    @abstractmethod
    def update_generator(self, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the generator; the fakes carry its graph. Losses by name, detached, 0-dim."""

    def judge(self, network: nn.Module, images: Tensor, *conditions: Tensor) -> Tensor:
        """Scores or logits of a frozen network: gradients reach the images, but not the network."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        frozen = unwrapped(network).requires_grad_(False)
        with self.runtime.autocast():
            scores: Tensor = frozen(images, *conditions)
        frozen.requires_grad_(True)
        return scores

    @property
    def latent(self) -> int:
        """Length of a latent vector."""
        return self.settings.latent

    def draw(self, label: str, latents: Tensor) -> Tensor:
        """Images of a class by the present network, float32 (n, 3, size, size) in [-1, 1]."""
        generator = self.result()
        targets = torch.full((len(latents),), self.real.classes.index(label), device=latents.device)
        images: Tensor = generator(generator.encode(latents, targets))
        return images

    def result(self) -> ConditionalGenerator:
        """The generator to use: its moving average if there is one."""
        averages = [average.module for average in self.averages.values()]
        return cast(ConditionalGenerator, averages[0] if averages else unwrapped(self.generator))

    @torch.no_grad()
    def take_snapshots(self) -> None:
        """Store images of each served class, from the same latents at every snapshot."""
        generator = self.result()
        was_training = generator.training
        generator.eval()
        take_snapshots(self.snapshots, self.runtime, self.draw, self.real.class_index, self.latent, self.seed)
        generator.train(was_training)
