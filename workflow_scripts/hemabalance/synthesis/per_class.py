"""Generators with one unconditional network for each class, independent of their training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.per_class_training import (
    DISCRIMINATOR,
    GENERATOR,
    BatchesByClass,
    PerClassSettingsT,
    PerClassTraining,
)
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.training import describe, train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_weights, save_weights


@dataclass(frozen=True)
class PerClassVariant(Generic[PerClassSettingsT]):
    """Parts in which methods with one network for each class differ.

    Attributes:
        name: name of the method.
        settings: settings of the method.
        generator: builds an untrained generator of one class, (n, latent) to images (n, 3, size, size) in [-1, 1];
            raises ValueError if it cannot be built.
        discriminator: builds an untrained discriminator of one class; raises ValueError if it cannot be built.
        training: builds the training of networks by class, settings, real batches, snapshots and job.
    """

    name: str
    settings: PerClassSettingsT
    generator: Callable[[], nn.Module]
    discriminator: Callable[[], nn.Module]
    training: Callable[
        [Mapping[str, Mapping[str, nn.Module]], PerClassSettingsT, BatchesByClass, Snapshots, FitJob],
        PerClassTraining[PerClassSettingsT],
    ]


class PerClass(Generic[PerClassSettingsT]):
    """A `synthesis.generator.Generator` with an unconditional network for each class.

    `parameters` counts the networks of all classes together, by kind: `generator` and `discriminator`.

    Args:
        method: the method.
        classes: served classes must be trained classes.
        size: side of the square images in pixels.
        runtime: device of the networks.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """

    def __init__(
        self, method: PerClassVariant[PerClassSettingsT], *, classes: Classes, size: int, runtime: Runtime
    ) -> None:
        self.method, self.classes, self.size, self.runtime = method, classes, size, runtime
        self.latent = method.settings.latent
        untrained = [name for name in classes.served if name not in classes.trained]
        if untrained:
            raise InputError(
                f"generator method {method.name}",
                f"can generate trained classes only, and {', '.join(untrained)} is none of them",
                "Choose other classes, or use a meta-learned method for these classes",
            )
        try:
            self._served = {label: method.generator().to(runtime.device).eval() for label in classes.served}
            kinds = {GENERATOR: method.generator(), DISCRIMINATOR: method.discriminator()}
        except ValueError as error:
            remedy = "Choose another synthesis.size or width in the config, or leave the method out"
            raise InputError(f"generator method {method.name}", str(error), remedy) from error
        self.parameters: Mapping[str, int] = {
            kind: count_parameters(network) * len(classes.trained) for kind, network in kinds.items()
        }
        self._ready = False
        self.snapshots: Snapshots | None = None
        self.description = describe(method.name, size, classes, method.settings)

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train from the start, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: the data are unsuitable, there are fewer steps than classes, the training diverged, the disk is
                full, or the checkpoint is of other data or settings.
        """
        settings, count = self.method.settings, len(self.classes.trained)
        if settings.steps < count:
            problem = f"is {settings.steps}, but {count} classes are trained in turn, one a step"
            raise InputError("config key steps", problem, f"Set it to at least {count}")
        training = self.initialise_training(data, job)
        result = train_generator(training, settings.steps, settings, self.description, training.real.fingerprint, job)
        for label, generator in self._served.items():
            generator.load_state_dict(training.result(label).state_dict())
        self._ready, self.snapshots = True, training.snapshots
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> PerClassTraining[PerClassSettingsT]:
        """The training before its first step; errors about the data as in `fit`."""
        settings = self.method.settings
        real = BatchesByClass(data.real, self.classes, settings, self.size, job)
        snapshots = Snapshots(
            self.classes.served,
            points=settings.snapshots,
            images_per_class=settings.snapshot_images,
            size=self.size,
            steps=settings.steps,
        ).to(self.runtime.device)
        networks = {
            label: {GENERATOR: self.method.generator(), DISCRIMINATOR: self.method.discriminator()}
            for label in self.classes.trained
        }
        return self.method.training(networks, settings, real, snapshots, job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices are not used.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        images: Tensor = self._ready_generators()[label](latents)
        return images

    def save(self, path: Path) -> None:
        """Write the generators of all served classes, with all arguments of `build` as the description."""
        save_weights(path, self._ready_generators(), self.description)

    def load(self, path: Path) -> None:
        """Read weights that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, not a weights file, or of another method, setting, size or
                class list.
        """
        load_weights(path, self._served, self.description)
        self._ready = True

    def _ready_generators(self) -> Mapping[str, nn.Module]:
        if not self._ready:
            raise RuntimeError(f"{self.method.name} is neither fitted nor loaded")
        return self._served
