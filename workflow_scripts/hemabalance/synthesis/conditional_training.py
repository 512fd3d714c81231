"""A generator that is told a class, against a Wasserstein critic: the training that C-WGAN-GP and CWGAN-GP share."""

from collections.abc import Mapping
from typing import Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.errors import InputError
from hemabalance.networks.conditional import ConditionalGenerator
from hemabalance.networks.layers import he_std, initialise
from hemabalance.synthesis.sampling import BLOCK, latents
from hemabalance.synthesis.settings import ConditionalSettings
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import BalancedSampler, ImagePool, Sampler, augment_dihedral
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob, Images
from hemabalance.training.learning_rate import linear_decay
from hemabalance.training.losses import gradient_penalty, wasserstein_critic, wasserstein_generator

SettingsT = TypeVar("SettingsT", bound=ConditionalSettings)


class ClassBatches:
    """Batches of real images, every class alike often; `spare` bytes of the memory budget are left.

    Args:
        images: all at one size; those of other classes than `classes` are left alone.
        classes: to draw; a class's place is its target.
        settings: batch, poses, memory.
        size: side of an image that the networks were built for, in pixels.
        job: runtime and seed.

    Raises:
        InputError: a class without an image, images of another size, a batch larger than the data.
    """

    def __init__(
        self, images: Images, classes: tuple[str, ...], settings: ConditionalSettings, size: int, job: FitJob
    ) -> None:
        require_size("real images", images.pixels, size)
        for name in classes:
            if not (images.labels == name).any():
                raise InputError(
                    f"class {name}",
                    "is to be learned, but has no real training image",
                    "Take it out of synthesis.roles.rich, or give the archives images of it",
                )
        self.classes, self.size = classes, size
        kept = np.flatnonzero(np.isin(images.labels, classes))
        labels = images.labels[kept].tolist()
        self._positions = torch.from_numpy(kept)
        self._targets = torch.tensor([classes.index(label) for label in labels])
        self._pool = ImagePool(images.pixels, job.runtime, settings.memory_budget)
        self.spare = settings.memory_budget - (images.pixels.nbytes if self._pool.resident else 0)
        self._device = job.runtime.device
        self.sampler: Sampler = BalancedSampler(labels, settings.batch, job.seed, job.runtime.rank)
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        self.fingerprint = fingerprint(images.labels, images.pixels)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batch on the device: float32 (batch, 3, size, size) in [-1, 1], targets int64 (batch,)."""
        chosen = self.sampler.next_batch()
        images = self._pool.take(self._positions[chosen])
        if self.generators:
            images = augment_dihedral(images, self.generators["poses"])
        return images, self._targets[chosen].to(self._device)


class ConditionalTraining(Generic[SettingsT]):
    """A `Trainable`: generator and critic, an optimiser each; the critic is told the classes if it was built so.

    History: `critic` (E[D(fake)] - E[D(real)]) and `penalty` of the critic's last update, and `adversarial`
    (-E[D(fake)]), unweighted.

    Args:
        players: `generator`, `critic`, and what a subclass has besides; they are initialised here.
        settings: of the method.
        real: the images.
        snapshots: to fill along the training.
        job: runtime and seed.
    """

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        settings: SettingsT,
        real: ClassBatches,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        self.runtime, self.settings, self.real, self.seed = job.runtime, settings, real, job.seed
        drawn = torch.Generator().manual_seed(job.seed)
        self.networks: dict[str, nn.Module] = {"snapshots": snapshots}
        self.optimizers: dict[str, Optimizer] = {}
        for name, player in players.items():
            initialise(player, drawn, he_std)
            first, second = settings.betas
            adam = Adam(player.parameters(), lr=self.rate(name), betas=(first, second))
            self.networks[name], self.optimizers[name] = self.runtime.setup(player, adam)
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

    def rate(self, player: str) -> float:
        """Adam's learning rate for a player."""
        return self.settings.lr

    def step(self) -> Mapping[str, Tensor]:
        """One update of all players, of the learning rates and the average; losses by name, detached, 0-dim."""
        losses = self.update_networks()
        for scheduler in self.schedulers.values():
            scheduler.step()
        for average in self.averages.values():
            average.update()
        if self.snapshots.due(self.runtime.step):
            self.take_snapshots()
        return losses

    def update_networks(self) -> dict[str, Tensor]:
        """`critic_steps` updates of the critic, the last of them on what the generator's update then uses."""
        for _ in range(self.settings.critic_steps - 1):
            real, targets = self.drawn()
            with torch.no_grad():
                fake = self.made(targets)
            self.update_critic(real, fake, targets)
        real, targets = self.drawn()
        fake = self.made(targets)
        losses = self.update_critic(real, fake.detach(), targets)
        return losses | self.update_generator(fake, targets)

    def drawn(self) -> tuple[Tensor, Tensor]:
        """Real images, and the classes that fakes are to show against them: the same."""
        return self.real.next_batch()

    def made(self, targets: Tensor) -> Tensor:
        """Fakes of given classes, float32 (n, 3, size, size) in [-1, 1]."""
        generator = cast(ConditionalGenerator, unwrapped(self.generator))
        z = torch.randn(
            (len(targets), self.settings.latent), generator=self.generators["latents"], device=targets.device
        )
        images: Tensor = self.generator(generator.encode(z, targets))
        return images

    def update_critic(self, real: Tensor, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the critic; the fakes carry no graph, and show what the real ones show if the critic is told."""
        told = self.told(targets)
        scores = self.critic(torch.cat((real, fake)), *(torch.cat((classes, classes)) for classes in told))
        real_scores, fake_scores = scores.chunk(2)
        share = torch.rand(len(real), generator=self.generators["between"], device=real.device)
        terms = {
            "critic": wasserstein_critic(real_scores, fake_scores),
            "penalty": gradient_penalty(_UnconditionalCritic(unwrapped(self.critic), told), real, fake, share),
        }
        loss = terms["critic"] + self.settings.gp_weight * terms["penalty"]
        self.runtime.minimise(loss, self.optimizers["critic"], (self.critic,), "critic")
        return {name: term.detach() for name, term in terms.items()}

    def told(self, targets: Tensor) -> tuple[Tensor, ...]:
        """What the critic is told besides the image."""
        return (targets,)

    def update_generator(self, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the generator, whose graph the fakes carry."""
        loss = wasserstein_generator(self.judge(self.critic, fake, *self.told(targets)))
        self.runtime.minimise(loss, self.optimizers["generator"], (self.generator,), "generator")
        return {"adversarial": loss.detach()}

    def judge(self, judge: nn.Module, images: Tensor, *told: Tensor) -> Tensor:
        """Scores or logits whose gradient reaches the images, and not the judge, which stands still meanwhile."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        still = unwrapped(judge).requires_grad_(False)
        with self.runtime.autocast():
            scores: Tensor = still(images, *told)
        still.requires_grad_(True)
        return scores

    def result(self) -> ConditionalGenerator:
        """The generator to use, averaged if there is an average."""
        averaged = [average.module for average in self.averages.values()]
        return cast(ConditionalGenerator, averaged[0] if averaged else unwrapped(self.generator))

    @torch.no_grad()
    def take_snapshots(self) -> None:
        """Images of each class that is served, from the same latents each time."""
        generator, each = self.result(), self.snapshots.each
        trained = generator.training
        generator.eval()
        for label in self.snapshots.classes:
            blocks = [latents(self.seed, label, block, generator.latent) for block in range(-(-each // BLOCK))]
            z = torch.from_numpy(np.concatenate(blocks)[:each]).to(self.runtime.device)
            targets = torch.full((each,), self.real.classes.index(label), device=z.device)
            self.snapshots.take(self.runtime.step, label, generator(generator.encode(z, targets)))
        generator.train(trained)


class _UnconditionalCritic(nn.Module):
    """A critic as a function of the image alone."""

    def __init__(self, critic: nn.Module, told: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.critic, self.told = critic, told

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.critic(x, *self.told)
        return scores
