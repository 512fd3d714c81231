"""A generator that is told a class, whichever training trained it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.networks.conditional import ConditionalGenerator
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.conditional_training import ClassBatches, ConditionalTraining, SettingsT
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.training import describe, train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_weights, save_weights


@dataclass(frozen=True)
class ConditionalVariant(Generic[SettingsT]):
    """What makes one method differ from the other.

    Attributes:
        name: of the method.
        settings: all of the method's.
        judges: the generator's opponents, untrained, from the size in pixels and the number of classes; ValueError
            where they cannot be built.
        training: how the players are trained.
    """

    name: str
    settings: SettingsT
    judges: Callable[[int, int], Mapping[str, nn.Module]]
    training: Callable[
        [Mapping[str, nn.Module], SettingsT, ClassBatches, Snapshots, SynthesisData, FitJob],
        ConditionalTraining[SettingsT],
    ]


class Conditional(Generic[SettingsT]):
    """A `synthesis.generator.Generator` whose network is told the class.

    Args:
        method: which one.
        classes: what it serves must be among what it trains on.
        size: side of the square images, in pixels.
        runtime: where it runs.

    Raises:
        InputError: the networks cannot be built for this size or width, or the classes cannot serve.
    """

    def __init__(self, method: ConditionalVariant[SettingsT], *, classes: Classes, size: int, runtime: Runtime) -> None:
        self.method, self.classes, self.size, self.runtime = method, classes, size, runtime
        self.latent = method.settings.latent
        unlearned = [name for name in classes.served if name not in classes.trained]
        if unlearned:
            raise InputError(
                f"generator method {method.name}",
                f"makes images of classes it learned from only, and {', '.join(unlearned)} is none of them",
                "Choose other classes, or a few-shot method for these",
            )
        try:
            players = self._players()
        except ValueError as error:
            remedy = "Choose another size or width in config, or leave the method out"
            raise InputError(f"generator method {method.name}", str(error), remedy) from error
        self.parameters = {name: count_parameters(player) for name, player in players.items()}
        self._generator = players["generator"].to(runtime.device).eval()
        self._ready = False
        self.snapshots: Snapshots | None = None
        self.description = describe(method.name, size, classes, method.settings)

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train, or go on with the training that `job.state` holds.

        Raises:
            InputError: the data cannot serve, the training diverged, the disk is full, or `job.state` holds a
                training of other data or settings.
        """
        own, training = self.method.settings, self.initialise_training(data, job)
        trained = train_generator(training, own.steps, own, self.description, training.real.fingerprint, job)
        self._generator.load_state_dict(training.result().state_dict())
        self._ready, self.snapshots = True, training.snapshots
        return trained

    def initialise_training(self, data: SynthesisData, job: FitJob) -> ConditionalTraining[SettingsT]:
        """The players before their first step; errors about the data as `fit`."""
        own = self.method.settings
        real = ClassBatches(data.real, self.classes.trained, own, self.size, job)
        snapshots = Snapshots(
            self.classes.served, points=own.snapshots, each=own.snapshot_images, size=self.size, steps=own.steps
        ).to(self.runtime.device)
        return self.method.training(self._players(), own, real, snapshots, data, job)

    def make(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices change nothing.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        generator = self._trained()
        targets = torch.full((len(latents),), self.classes.trained.index(label), device=latents.device)
        images: Tensor = generator(generator.encode(latents, targets))
        return images

    def save(self, path: Path) -> None:
        """Write the generator, averaged if the settings say so; what is written tells all that `build` asks for."""
        save_weights(path, {"generator": self._trained()}, self.description)

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, foreign, or of another method, setting, size or class list.
        """
        load_weights(path, {"generator": self._generator}, self.description)
        self._ready = True

    def _players(self) -> dict[str, Any]:
        own, count = self.method.settings, len(self.classes.trained)
        generator = ConditionalGenerator(self.size, own.width, own.latent, count, own.norm)
        return {"generator": generator, **self.method.judges(self.size, count)}

    def _trained(self) -> ConditionalGenerator:
        if not self._ready:
            raise RuntimeError(f"{self.method.name} is neither fitted nor loaded")
        generator: ConditionalGenerator = self._generator
        return generator
