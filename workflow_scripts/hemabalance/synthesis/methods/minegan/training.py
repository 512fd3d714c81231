"""Training of MineGAN: first miner and critic, then the generator with them, for each class in turn."""

from collections.abc import Mapping
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.networks.layers import he_std, initialise
from hemabalance.synthesis.methods.minegan import MineGANSettings
from hemabalance.synthesis.methods.minegan.miner import miner_std
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import take_snapshots
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.tasks import Tasks
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import Sampler, augment_dihedral
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.learning_rate import linear_decay
from hemabalance.training.losses import gradient_penalty, wasserstein_critic, wasserstein_generator

MINER, GENERATOR, CRITIC = KINDS = ("miner", "generator", "critic")


class MineGANTraining:
    """A `Trainable`: step k updates the networks of the served class (k - 1) mod K, against the class's own critic.

    The generator of a class starts as the teacher. In the first stage no gradient reaches its weights; in the second
    stage one optimizer updates it together with the miner. It normalises with the teacher's running statistics in both
    stages and afterwards: statistics of a few generated images of one class are not those of the teacher's batches, and
    so the function that is trained, averaged and sampled is the same.

    History: `critic` (E[D(G(M(u)))] - E[D(x)]) and `penalty` of the critic's last update, and `adversarial`
    (-E[D(G(M(u)))]), unweighted; means over the classes.

    Args:
        networks: class -> network by kind: `miner` and `critic`, initialised here, and `generator`.
        teacher: network of the generators' architecture, whose state they start from; it is not changed.
        settings: settings of the method.
        tasks: the images.
        classes: served classes are trained.
        snapshots: filled during training.
        job: runtime and seed.
    """

    def __init__(
        self,
        networks: Mapping[str, Mapping[str, nn.Module]],
        teacher: nn.Module,
        settings: MineGANSettings,
        tasks: Tasks,
        classes: Classes,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        self.runtime, self.settings, self.tasks, self.seed = job.runtime, settings, tasks, job.seed
        self.classes, self.snapshots = classes, snapshots
        self.networks: dict[str, nn.Module] = {"snapshots": snapshots}
        self.averages: dict[str, ExponentialAverage] = {}
        rng = torch.Generator().manual_seed(job.seed)
        for label in classes.served:
            initialise(networks[label][MINER], rng, miner_std)
            initialise(networks[label][CRITIC], rng, he_std)
            networks[label][GENERATOR].load_state_dict(teacher.state_dict())
            for kind in KINDS:
                self.networks[f"{kind}_{label}"] = self.runtime.setup(networks[label][kind])
            self._network(GENERATOR, label).eval()
            for kind in (MINER, GENERATOR) if settings.average_decay else ():
                average = ExponentialAverage(self._network(kind, label), settings.average_decay)
                self.averages[f"{kind}_{label}"] = average
        # One optimizer for all classes: weights without a gradient in a step are left alone.
        self.optimizers: dict[str, Optimizer] = {
            GENERATOR: self._optimizer(MINER, GENERATOR),
            CRITIC: self._optimizer(CRITIC),
        }
        decay = linear_decay(settings.steps, settings.decay_from)
        self.schedulers: dict[str, LRScheduler] = {
            name: LambdaLR(optimizer, decay) for name, optimizer in self.optimizers.items()
        }
        self.rng = self.runtime.generator("chance")
        self.generators = {"chance": self.rng}
        self.samplers: dict[str, Sampler] = {}

    @property
    def mining(self) -> bool:
        """Whether the current step belongs to the first stage."""
        return self.runtime.step <= round(self.settings.mining_share * self.settings.steps)

    def step(self) -> Mapping[str, Tensor]:
        """One update of the networks of the class whose turn it is; losses by name, detached, 0-dim."""
        label = self.classes.served[(self.runtime.step - 1) % len(self.classes.served)]
        losses = self.update_networks(label)
        for scheduler in self.schedulers.values():
            scheduler.step()
        for kind in (MINER, GENERATOR) if self.averages else ():
            self.averages[f"{kind}_{label}"].update()
        if self.snapshots.due(self.runtime.step):
            self.take_snapshots()
        return losses

    def update_networks(self, label: str) -> dict[str, Tensor]:
        """`critic_steps` updates of a class's critic; the miner's update uses the fakes of the last one."""
        for _ in range(self.settings.critic_steps - 1):
            real = self.sample_real(label)
            with torch.no_grad():
                fake = self.sample_fakes(label, len(real))
            self.update_critic(label, real, fake)
        real = self.sample_real(label)
        fake = self.sample_fakes(label, len(real))
        losses = self.update_critic(label, real, fake.detach())
        return losses | self.update_generator(label, fake)

    def sample_real(self, label: str) -> Tensor:
        """Random real images of a class, in random poses if augmentation is enabled."""
        images = self.tasks.real(label, self.settings.batch, self.rng)
        return augment_dihedral(images, self.rng) if self.settings.augment else images

    def sample_fakes(self, label: str, count: int) -> Tensor:
        """Generated images of a class, float32 (count, 3, size, size) in [-1, 1], with the graph of this stage."""
        device = self.runtime.device
        noise = torch.randn((count, self.settings.latent), generator=self.rng, device=device)
        codes, generator = self._network(MINER, label)(noise), self._network(GENERATOR, label)
        images: Tensor = self.frozen(generator, codes) if self.mining else generator(codes)
        return images

    def update_critic(self, label: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of a class's critic; the fakes are detached, and as many as the real images."""
        critic = self._network(CRITIC, label)
        score = wasserstein_critic(*critic(torch.cat((real, fake))).chunk(2))
        share = torch.rand(len(real), generator=self.rng, device=real.device)
        penalty = gradient_penalty(unwrapped(critic), real, fake, share)
        loss = score + self.settings.gp_weight * penalty
        self.runtime.minimise(loss, self.optimizers[CRITIC], (critic,), f"{CRITIC} of {label}")
        return {"critic": score.detach(), "penalty": penalty.detach()}

    def update_generator(self, label: str, fake: Tensor) -> dict[str, Tensor]:
        """One step of a class's miner and, in the second stage, generator; the fakes carry their graph."""
        loss = wasserstein_generator(self.frozen(self._network(CRITIC, label), fake))
        trained = [self._network(kind, label) for kind in (MINER, GENERATOR)]
        self.runtime.minimise(loss, self.optimizers[GENERATOR], trained, f"{GENERATOR} of {label}")
        return {"adversarial": loss.detach()}

    def frozen(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """Output of a frozen network: gradients reach the inputs, but not the network."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        inner = unwrapped(network).requires_grad_(False)
        with self.runtime.autocast():
            outputs: Tensor = inner(inputs)
        inner.requires_grad_(True)
        return outputs

    def result(self, label: str) -> Mapping[str, nn.Module]:
        """`miner` and `generator` of a class for use: their moving averages if there are any."""
        return {
            kind: self.averages[name].module if self.averages else unwrapped(self.networks[name])
            for kind, name in ((kind, f"{kind}_{label}") for kind in (MINER, GENERATOR))
        }

    @torch.no_grad()
    def take_snapshots(self) -> None:
        """Store images of each class, from the first latents of `sampling.sample`."""

        def generate(label: str, latents: Tensor) -> Tensor:
            networks = self.result(label)
            images: Tensor = networks[GENERATOR](networks[MINER](latents))
            return images

        index, width = self.classes.index, self.settings.latent
        take_snapshots(self.snapshots, self.runtime, generate, index, width, self.seed)

    def _network(self, kind: str, label: str) -> nn.Module:
        return self.networks[f"{kind}_{label}"]

    def _optimizer(self, *kinds: str) -> Optimizer:
        networks = [self._network(kind, label) for label in self.classes.served for kind in kinds]
        parameters = chain.from_iterable(network.parameters() for network in networks)
        beta1, beta2 = self.settings.betas
        return Adam(parameters, lr=self.settings.lr, betas=(beta1, beta2))
