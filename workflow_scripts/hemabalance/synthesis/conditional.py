"""The class-conditional generator, independent of its training."""

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
    """Parts in which class-conditional methods differ.

    Attributes:
        name: name of the method.
        settings: settings of the method.
        critics: function of image size in pixels and number of classes that builds the untrained networks that the
            generator is trained against, by name: `critic` and, if the method has one, `classifier`; raises ValueError
            if they cannot be built.
        training: builds the training of networks, settings, real batches, snapshots, data and job.
        generator: class of the generator network.
    """

    name: str
    settings: SettingsT
    critics: Callable[[int, int], Mapping[str, nn.Module]]
    training: Callable[
        [Mapping[str, nn.Module], SettingsT, ClassBatches, Snapshots, SynthesisData, FitJob],
        ConditionalTraining[SettingsT],
    ]
    generator: type[ConditionalGenerator] = ConditionalGenerator


class Conditional(Generic[SettingsT]):
    """A `synthesis.generator.Generator` whose network takes the class as an input.

    Args:
        method: the method.
        classes: served classes must be trained classes.
        size: side of the square images in pixels.
        runtime: device of the networks.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """

    def __init__(self, method: ConditionalVariant[SettingsT], *, classes: Classes, size: int, runtime: Runtime) -> None:
        self.method, self.classes, self.size, self.runtime = method, classes, size, runtime
        self.latent = method.settings.latent
        untrained = [name for name in classes.served if name not in classes.trained]
        if untrained:
            raise InputError(
                f"generator method {method.name}",
                f"can generate trained classes only, and {', '.join(untrained)} is none of them",
                "Choose other classes, or use a few-shot method for these classes",
            )
        try:
            networks = self._build_networks()
        except ValueError as error:
            remedy = "Choose another size or width in the config, or leave the method out"
            raise InputError(f"generator method {method.name}", str(error), remedy) from error
        self.parameters = {name: count_parameters(network) for name, network in networks.items()}
        self._generator = networks["generator"].to(runtime.device).eval()
        self._ready = False
        self.snapshots: Snapshots | None = None
        self.description = describe(method.name, size, classes, method.settings)

    @property
    def network(self) -> ConditionalGenerator:
        """The network that generates, from which another generator may start; random before `fit` or `load`."""
        generator: ConditionalGenerator = self._generator
        return generator

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train from the start, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: the data are unsuitable, the training diverged, the disk is full, or the checkpoint is of other
                data or settings.
        """
        settings, training = self.method.settings, self.initialise_training(data, job)
        result = train_generator(training, settings.steps, settings, self.description, training.real.fingerprint, job)
        self._generator.load_state_dict(training.result().state_dict())
        self._ready, self.snapshots = True, training.snapshots
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> ConditionalTraining[SettingsT]:
        """The training before its first step; errors about the data as in `fit`."""
        settings = self.method.settings
        real = ClassBatches(data.real, self.classes, settings, self.size, job)
        snapshots = Snapshots(
            self.classes.served,
            points=settings.snapshots,
            images_per_class=settings.snapshot_images,
            size=self.size,
            steps=settings.steps,
        ).to(self.runtime.device)
        return self.method.training(self._build_networks(), settings, real, snapshots, data, job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices are not used.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        generator = self._ready_generator()
        targets = torch.full((len(latents),), self.classes.trained.index(label), device=latents.device)
        images: Tensor = generator(generator.encode(latents, targets))
        return images

    def save(self, path: Path) -> None:
        """Write the generator (its moving average if enabled) with all arguments of `build` as the description."""
        save_weights(path, {"generator": self._ready_generator()}, self.description)

    def load(self, path: Path) -> None:
        """Read weights that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, not a weights file, or of another method, setting, size or
                class list.
        """
        load_weights(path, {"generator": self._generator}, self.description)
        self._ready = True

    def _build_networks(self) -> dict[str, Any]:
        settings, count = self.method.settings, len(self.classes.trained)
        generator = self.method.generator(self.size, settings.width, settings.latent, count, settings.norm)
        return {"generator": generator, **self.method.critics(self.size, count)}

    def _ready_generator(self) -> ConditionalGenerator:
        if not self._ready:
            raise RuntimeError(f"{self.method.name} is neither fitted nor loaded")
        return self.network
