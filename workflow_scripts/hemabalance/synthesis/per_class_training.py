"""Training of one unconditional generator and one discriminator for each class, in turn."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.errors import InputError
from hemabalance.networks.layers import initialise
from hemabalance.synthesis.per_class_settings import PerClassSettings
from hemabalance.synthesis.recalibrate import BATCHES, recalibrate
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import BLOCK, take_snapshots
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import EpochSampler, ImagePool, Sampler, augment_dihedral, batch_within
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob, Images
from hemabalance.training.learning_rate import linear_decay

PerClassSettingsT = TypeVar("PerClassSettingsT", bound=PerClassSettings)

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


class BatchesByClass:
    """Batches of real images of one class, in shuffled passes over its images.

    With fewer images than a batch, a batch has as many as there are images.

    Args:
        images: images of one size; other classes than the trained ones are ignored.
        classes: trained classes are sampled.
        settings: batch size, augmentation, memory budget.
        size: side of the images that the networks were built for, in pixels.
        job: runtime and seed.

    Raises:
        InputError: a class has no image, or the images have another size.
    """

    def __init__(self, images: Images, classes: Classes, settings: PerClassSettings, size: int, job: FitJob) -> None:
        require_size("real images", images.pixels, size)
        self.classes, self.class_index = classes.trained, classes.index
        self._positions: dict[str, Tensor] = {}
        self.samplers: dict[str, Sampler] = {}
        for name in self.classes:
            positions = np.flatnonzero(images.labels == name)
            if not len(positions):
                raise InputError(
                    f"class {name}",
                    "is to be trained on, but has no real training image",
                    "Take it out of synthesis.roles, or give the archives images of it",
                )
            self._positions[name] = torch.from_numpy(positions)
            batch = batch_within(settings.batch, len(positions))
            self.samplers[f"real_{name}"] = EpochSampler(len(positions), batch, job.seed, job.runtime.rank)
        self._pool = ImagePool(images.pixels, job.runtime, settings.memory_budget)
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        self.fingerprint = fingerprint(images.labels, images.pixels)

    def next_batch(self, label: str) -> Tensor:
        """Next batch of a class on the device: float32 (batch, 3, size, size) in [-1, 1]."""
        images = self._pool.take(self._positions[label][self.samplers[f"real_{label}"].next_batch()])
        return augment_dihedral(images, self.generators["poses"]) if self.generators else images


class PerClassTraining(ABC, Generic[PerClassSettingsT]):
    """A `Trainable`: step k updates the two networks of class (k - 1) mod K, each with its own optimizer.

    So the number of steps is the total of generator updates, as of a generator that is conditional on the class, and
    each of the K classes gets the K-th part. That is a reading of ours: the thesis does not say how it compares
    unconditional methods. Learning rates follow the number of the step, not that of the class's updates. The losses in
    the history are means over the steps, and so over the classes.

    A subclass names in `random` the random generators that it uses besides `latents`.

    Args:
        networks: class -> `generator` and `discriminator`; initialised here with N(0, 0.02).
        settings: settings of the method.
        real: batches of real images.
        snapshots: filled during training.
        job: runtime and seed.
    """

    random: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        networks: Mapping[str, Mapping[str, nn.Module]],
        settings: PerClassSettingsT,
        real: BatchesByClass,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        self.runtime, self.settings, self.real, self.seed = job.runtime, settings, real, job.seed
        self.snapshots = snapshots
        self.networks: dict[str, nn.Module] = {"snapshots": snapshots}
        self.optimizers: dict[str, Optimizer] = {}
        self.schedulers: dict[str, LRScheduler] = {}
        self.averages: dict[str, ExponentialAverage] = {}
        self.samplers = real.samplers
        self.generators = {name: self.runtime.generator(name) for name in ("latents", *self.random)} | real.generators
        rng = torch.Generator().manual_seed(job.seed)
        for index, label in enumerate(real.classes):
            for kind, network in networks[label].items():
                initialise(network, rng)
                self._set_up(f"{kind}_{label}", network, index)

    def _set_up(self, name: str, network: nn.Module, class_index: int) -> None:
        beta1, beta2 = self.settings.betas
        adam = Adam(network.parameters(), lr=self.settings.lr, betas=(beta1, beta2))
        self.networks[name], self.optimizers[name] = self.runtime.setup(network, adam)
        schedule = linear_decay(self.settings.steps, self.settings.decay_from)
        self.schedulers[name] = LambdaLR(
            self.optimizers[name], _every_nth(schedule, len(self.real.classes), class_index)
        )
        if name.startswith(GENERATOR) and self.settings.average_decay:
            self.averages[name] = ExponentialAverage(self.networks[name], self.settings.average_decay)

    def step(self) -> Mapping[str, Tensor]:
        """One update of the two networks of the class whose turn it is; losses by name, detached, 0-dim."""
        label = self.real.classes[(self.runtime.step - 1) % len(self.real.classes)]
        losses = self.update_networks(label)
        for kind in (GENERATOR, DISCRIMINATOR):
            self.schedulers[f"{kind}_{label}"].step()
        if self.averages:
            self.averages[f"{GENERATOR}_{label}"].update()
        if self.snapshots.due(self.runtime.step):
            self.take_snapshots()
        return losses

    def update_networks(self, label: str) -> dict[str, Tensor]:
        """One step of the discriminator of a class, then one step of its generator on the same fakes."""
        real = self.real.next_batch(label)
        fake = self.discriminator_input(self.sample_fakes(label, len(real)))
        losses = self.update_discriminator(label, self.discriminator_input(real), fake.detach())
        return losses | self.update_generator(label, fake)

    def sample_fakes(self, label: str, count: int) -> Tensor:
        """Generated images of a class, float32 (count, 3, size, size) in [-1, 1], with the generator's graph."""
        images: Tensor = self.networks[f"{GENERATOR}_{label}"](self.noise(count, self.generators["latents"]))
        return images

    def discriminator_input(self, images: Tensor) -> Tensor:
        """Real or generated images as the discriminator gets them; here unchanged."""
        return images

    @abstractmethod
    def update_discriminator(self, label: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator of a class; the fakes are detached. Losses by name, detached, 0-dim."""

    @abstractmethod
    def update_generator(self, label: str, fake: Tensor) -> dict[str, Tensor]:
        """One step of the generator of a class; the fakes carry its graph. Losses by name, detached, 0-dim."""

    def judge(self, label: str, images: Tensor) -> Any:
        """Output of the frozen discriminator of a class: gradients reach the images, but not the discriminator."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        frozen = unwrapped(self.networks[f"{DISCRIMINATOR}_{label}"]).requires_grad_(False)
        with self.runtime.autocast():
            output = frozen(images)
        frozen.requires_grad_(True)
        return output

    def minimise(self, loss: Tensor, kind: str, label: str) -> None:
        """One step of the optimizer of the generator or discriminator of a class."""
        name = f"{kind}_{label}"
        self.runtime.minimise(loss, self.optimizers[name], (self.networks[name],), name)

    def noise(self, count: int, rng: torch.Generator) -> Tensor:
        """Latent vectors, float32 (count, latent), standard normal, on the device."""
        return torch.randn((count, self.settings.latent), generator=rng, device=self.runtime.device)

    @torch.no_grad()
    def result(self, label: str) -> nn.Module:
        """A copy of the generator of a class for use: its moving average if there is one, in evaluation mode.

        Its batch statistics are recomputed for its weights, from the same latents at each call.
        """
        name = f"{GENERATOR}_{label}"
        network = self.averages[name].module if self.averages else unwrapped(self.networks[name])
        copy, rng = deepcopy(network), self.runtime.generator(f"statistics/{label}")
        recalibrate(copy, (self.noise(BLOCK, rng) for _ in range(BATCHES)))
        return copy

    @torch.no_grad()
    def take_snapshots(self) -> None:
        """Store images of each class, from the first latents of `sampling.sample`."""
        index, width = self.real.class_index, self.settings.latent
        take_snapshots(self.snapshots, self.runtime, lambda label, z: self.result(label)(z), index, width, self.seed)


def _every_nth(schedule: Callable[[int], float], n: int, first: int) -> Callable[[int], float]:
    """A schedule by the updates of one class, from a schedule by steps, in which each n-th step is the class's."""
    return lambda update: schedule(update * n + first)
