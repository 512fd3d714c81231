"""A generator for classes of few images, whichever training it learned to learn by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, cast

import torch
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.recalibrate import BATCHES, recalibrate
from hemabalance.synthesis.reptile import Reptile, SettingsT
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import BLOCK
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.tasks import Tasks
from hemabalance.synthesis.training import describe, train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_weights, save_weights


class AdaptedGenerator(nn.Module):
    """What makes images of one class: an adapted generator and, where it takes them, features of training images.

    Args:
        generator: of inputs `latent + features`.
        features: numbers in a feature vector; 0 where there are none.
        most: feature vectors that can be kept.
        mixing: share, in [0, 0.5], of another training image's features in those that an image is drawn around.
    """

    references: Tensor
    """float32 (most, features); the first `count` rows are in use."""
    count: Tensor
    """int64 (), how many."""

    def __init__(self, generator: FewshotGenerator, features: int, most: int, mixing: float) -> None:
        super().__init__()
        self.generator, self.features, self.mixing = generator, features, mixing
        if features:
            self.register_buffer("references", torch.zeros(most, features))
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def inputs(self, latents: Tensor, indices: Tensor) -> Tensor:
        """What the generator is given, (n, latent + features): reference `index % count`, mixed, with each latent.

        Each time the references have all been taken, each is mixed with another one than before.
        """
        if not self.features:
            return latents
        first = indices % self.count
        second = (indices + indices // self.count + 1) % self.count
        mixed = torch.lerp(self.references[first], self.references[second], self.mixing)
        return torch.cat((latents, mixed), dim=1)

    def forward(self, latents: Tensor, indices: Tensor) -> Tensor:
        """Latents (n, latent) and their indices int64 (n,) to images (n, 3, size, size) in [-1, 1]."""
        images: Tensor = self.generator(self.inputs(latents, indices))
        return images

    @torch.no_grad()
    def keep(self, references: Tensor) -> None:
        """Take over features (n, features), n at most as many as can be kept."""
        self.references.zero_()[: len(references)] = references
        self.count.fill_(len(references))

    def load_generator(self, generator: nn.Module, noise: Callable[[int], Tensor]) -> None:
        """Become a generator as it will be used: after `keep`, with statistics of the inputs it will get.

        Args:
            generator: trained; it is copied.
            noise: so many latent vectors.
        """
        self.generator.load_state_dict(generator.state_dict())
        indices = torch.arange(BATCHES * BLOCK, device=next(generator.parameters()).device)
        recalibrate(self.generator, (self.inputs(noise(BLOCK), some) for some in torch.split(indices, BLOCK)))


@dataclass(frozen=True)
class FewshotVariant(Generic[SettingsT]):
    """What makes one few-shot method differ from another.

    Attributes:
        name: of the method.
        settings: all of the method's.
        players: untrained networks by name, `generator` and `discriminator` among them; ValueError where the size will
            not do.
        features: numbers that the generator takes besides a latent; 0 for none.
        references: feature vectors that are kept of a class.
        mixing: of them, see `AdaptedGenerator`.
        training: how the players are trained.
    """

    name: str
    settings: SettingsT
    players: Callable[[], dict[str, nn.Module]]
    features: int
    references: int
    mixing: float
    training: Callable[
        [Mapping[str, nn.Module], Mapping[str, AdaptedGenerator], Tasks, Snapshots, FitJob], Reptile[SettingsT]
    ]


class FewshotGeneration(Generic[SettingsT]):
    """A `Generator` for each class served, adapted from one set of meta-weights.

    Args:
        method: which one.
        classes: trained are the tasks of the meta-training, served those adapted to.
        size: side of the images in pixels.
        runtime: where it runs.

    Raises:
        InputError: no class to train on or to serve, or networks that cannot be built for this size or width.
    """

    def __init__(self, method: FewshotVariant[SettingsT], *, classes: Classes, size: int, runtime: Runtime) -> None:
        self.method, self.classes, self.size, self.runtime = method, classes, size, runtime
        for kind, names in (("to learn from", classes.trained), ("to make images of", classes.served)):
            if not names:
                problem = f"has no class {kind}"
                raise InputError(f"synthesis method {method.name}", problem, "Check the roles in config and the counts")
        try:
            players = method.players()
            self._served = {label: self._empty().to(runtime.device).eval() for label in classes.served}
        except ValueError as error:
            remedy = "Choose another synthesis.size or width in config, or leave the method out"
            raise InputError(f"synthesis method {method.name}", str(error), remedy) from error
        self.parameters: Mapping[str, int] = {name: count_parameters(player) for name, player in players.items()}
        self.snapshots: Snapshots | None = None
        self._ready = False
        self.description = describe(method.name, size, classes, method.settings)

    @property
    def latent(self) -> int:
        """Numbers in a latent vector."""
        return self.method.settings.latent

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Learn to learn, then learn each class served, or go on with the training that `job.state` holds.

        Raises:
            InputError: a class with too few images, images of another size, the training diverged, the disk is full,
                or `job.state` holds a training of other data or settings.
        """
        own, training = self.method.settings, self.initialise_training(data, job)
        trained = train_generator(training, training.steps, own, self.description, training.tasks.fingerprint, job)
        self.snapshots, self._ready = training.snapshots, True
        return trained

    def initialise_training(self, data: SynthesisData, job: FitJob) -> Reptile[SettingsT]:
        """The players before their first step; errors about the data as `fit`."""
        own = self.method.settings
        tasks = Tasks(data, self.classes, self.size, job.runtime, own.memory_budget)
        snapshots = Snapshots(
            self.classes.served, points=own.snapshots, each=own.snapshot_images, size=self.size, steps=own.episodes
        ).to(job.runtime.device)
        return self.method.training(self.method.players(), self._served, tasks, snapshots, job)

    def make(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class; a latent's index says which training image's features it goes with.

        Args and result as `synthesis.generator.Generator.make`.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        if not self._ready:
            raise RuntimeError(f"{self.method.name} is neither fitted nor loaded")
        images: Tensor = self._served[label](latents, indices)
        return images

    def save(self, path: Path) -> None:
        """Write the adapted generators with the features they were given; no training image is needed after that."""
        save_weights(path, self._served, self.description)

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, foreign, or of another method, setting, size or class list.
        """
        load_weights(path, self._served, self.description)
        self._ready = True

    def _empty(self) -> AdaptedGenerator:
        generator = cast(FewshotGenerator, self.method.players()["generator"])
        return AdaptedGenerator(generator, self.method.features, self.method.references, self.method.mixing)
