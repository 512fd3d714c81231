"""Generators with one unconditional network for each class, independent of their training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.network_generator import NetworkGenerator
from hemabalance.synthesis.per_class_training import (
    DISCRIMINATOR,
    GENERATOR,
    BatchesByClass,
    PerClassSettingsT,
    PerClassTraining,
)
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.training import train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult


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


class PerClass(NetworkGenerator[PerClassSettingsT]):
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
        super().__init__(method.name, method.settings, classes=classes, size=size, runtime=runtime)
        self.method, self.latent = method, method.settings.latent
        self.require_trained_classes()
        kinds = self.built(self._build_networks)
        self.networks = {label: method.generator().to(runtime.device).eval() for label in classes.served}
        self.parameters = {kind: count_parameters(network) * len(classes.trained) for kind, network in kinds.items()}

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train from the start, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: the data are unsuitable, there are fewer steps than classes, the training diverged, the disk is
                full, or the checkpoint is of other data or settings.
        """
        settings = self.settings
        require_step_per_class(settings.steps, len(self.classes.trained))
        training = self.initialise_training(data, job)
        result = train_generator(training, settings.steps, settings, self.description, training.real.fingerprint, job)
        for label, generator in self.networks.items():
            generator.load_state_dict(training.result(label).state_dict())
        self.finish(training.snapshots)
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> PerClassTraining[PerClassSettingsT]:
        """The training before its first step; errors about the data as in `fit`."""
        real = BatchesByClass(data.real, self.classes, self.settings, self.size, job)
        networks = {label: self._build_networks() for label in self.classes.trained}
        return self.method.training(networks, self.settings, real, self.new_snapshots(self.settings.steps), job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices are not used.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        images: Tensor = self.trained()[label](latents)
        return images

    def _build_networks(self) -> dict[str, nn.Module]:
        return {GENERATOR: self.method.generator(), DISCRIMINATOR: self.method.discriminator()}


def require_step_per_class(steps: int, classes: int) -> None:
    """Refuse a training in which one class is trained a step, and some class not at all.

    Raises:
        InputError: there are fewer steps than classes.
    """
    if steps < classes:
        problem = f"is {steps}, but {classes} classes are trained in turn, one a step"
        raise InputError("config key steps", problem, f"Set it to at least {classes}")
