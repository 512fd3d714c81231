"""The training of a rectified flow."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.networks.velocity_unet import VelocityUNet
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.methods.flow import FlowSettings
from hemabalance.synthesis.rectified_flow import draw_times, noised, velocity_loss
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import take_snapshots
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.velocity_sampling import generated, latent_length
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import Sampler
from hemabalance.training.colour_augmentation import change_colour, random_colour_factors
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.learning_rate import warmup_and_decay

NETWORK = "velocity"
"""The network, among those of the training and in the weights file."""


class FlowTraining:
    """A `Trainable`: the network that predicts the velocity, and its moving average.

    History: `velocity`, the mean squared error of the velocity; noise and image have about unit variance each, so that
    2 is the error of predicting 0 for images of that contrast.

    Args:
        network: initialised here.
        settings: settings of the method.
        classes: the index of a class among those of the run is the network's index of the class.
        real: batches of real images.
        snapshots: filled during training.
        job: runtime and seed.
    """

    def __init__(
        self,
        network: VelocityUNet,
        settings: FlowSettings,
        classes: Classes,
        real: ClassBatches,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        self.runtime, self.settings, self.classes, self.seed = job.runtime, settings, classes, job.seed
        self.real, self.snapshots = real, snapshots
        network.initialise(torch.Generator().manual_seed(job.seed))
        beta1, beta2 = settings.betas
        adam = Adam(network.parameters(), lr=settings.lr, betas=(beta1, beta2))
        self.network, optimizer = self.runtime.setup(network, adam)
        self.networks: dict[str, nn.Module] = {"snapshots": snapshots, NETWORK: self.network}
        self.optimizers: dict[str, Optimizer] = {NETWORK: optimizer}
        rate = warmup_and_decay(settings.steps, settings.warmup_share, settings.decay_from)
        self.schedulers: dict[str, LRScheduler] = {NETWORK: LambdaLR(optimizer, rate)}
        self.averages: dict[str, ExponentialAverage] = {}
        if settings.average_decay:
            self.averages[NETWORK] = ExponentialAverage(self.network, settings.average_decay)
        self.samplers: dict[str, Sampler] = {"real": real.sampler}
        self.generators = {name: self.runtime.generator(name) for name in ("noise", "times", "dropped", "colours")}
        self.generators |= real.generators
        self._indices = torch.tensor([classes.index(label) for label in real.classes], device=self.runtime.device)

    def step(self) -> Mapping[str, Tensor]:
        """One update of network, learning rate and moving average; losses by name, detached, 0-dim."""
        images, targets = self.real.next_batch()
        images, factors = self.augmented(images)
        times = draw_times(len(images), self.settings.time_mean, self.settings.time_deviation, self.generators["times"])
        noise = torch.randn(images.shape, generator=self.generators["noise"], device=images.device)
        velocity = self.network(noised(images, noise, times), times, self.with_dropped(self._indices[targets]), factors)
        loss = velocity_loss(velocity, images, noise)
        self.runtime.minimise(loss, self.optimizers[NETWORK], (self.network,), NETWORK)
        for scheduler in self.schedulers.values():
            scheduler.step()
        for average in self.averages.values():
            average.update()
        if self.snapshots.due(self.runtime.step):
            self.take_snapshots()
        return {NETWORK: loss.detach()}

    def augmented(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (n, 3, size, size) with changed colours, and the factors (n, COLOUR_FACTORS) of the change in [-1, 1].

        Without colour augmentation, the images themselves and None.
        """
        strength = self.settings.colour_strength
        if not strength:
            return images, None
        factors = random_colour_factors(len(images), self.generators["colours"], images.device)
        return change_colour(images, strength * factors), factors

    def with_dropped(self, targets: Tensor) -> Tensor:
        """Targets int64 (n,), some of them replaced by `no_class`."""
        draws = torch.rand(len(targets), generator=self.generators["dropped"], device=targets.device)
        network = cast(VelocityUNet, unwrapped(self.network))
        return torch.where(draws < self.settings.drop_class, network.no_class, targets)

    def result(self) -> VelocityUNet:
        """The network to use: its moving average if there is one."""
        averages = [average.module for average in self.averages.values()]
        return cast(VelocityUNet, averages[0] if averages else unwrapped(self.network))

    @property
    def latent(self) -> int:
        """Length of a latent vector."""
        return latent_length(self.real.size)

    def draw(self, label: str, latents: Tensor) -> Tensor:
        """Images of a class by the present network, float32 (n, 3, size, size) in [-1, 1]."""
        return generated(self.result(), self.settings, self.classes.index(label), latents)

    def take_snapshots(self) -> None:
        """Store images of each served class, from the first latents of `sampling.sample`."""
        take_snapshots(self.snapshots, self.runtime, self.draw, self.classes.index, self.latent, self.seed)
