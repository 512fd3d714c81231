"""The class-conditional generator, independent of its training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn

from hemabalance.networks.conditional import ConditionalGenerator
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.conditional_training import ConditionalTraining, SettingsT
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.network_generator import NetworkGenerator
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.training import train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult


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


class Conditional(NetworkGenerator[SettingsT]):
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
        super().__init__(method.name, method.settings, classes=classes, size=size, runtime=runtime)
        self.method, self.latent = method, method.settings.latent
        self.require_trained_classes()
        networks = self.built(self._build_networks)
        self.parameters = {name: count_parameters(network) for name, network in networks.items()}
        self.network: ConditionalGenerator = networks["generator"].to(runtime.device).eval()
        """The generator's network; trained after `fit` or `load`."""
        self.networks = {"generator": self.network}

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train from the start, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: the data are unsuitable, the training diverged, the disk is full, or the checkpoint is of other
                data or settings.
        """
        settings, training = self.settings, self.initialise_training(data, job)
        result = train_generator(training, settings.steps, settings, self.description, training.real.fingerprint, job)
        self.network.load_state_dict(training.result().state_dict())
        self.finish(training.snapshots)
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> ConditionalTraining[SettingsT]:
        """The training before its first step; errors about the data as in `fit`."""
        real = ClassBatches(data.real, self.classes, self.settings, self.size, job)
        snapshots = self.new_snapshots(self.settings.steps)
        return self.method.training(self._build_networks(), self.settings, real, snapshots, data, job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices are not used.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        self.trained()
        targets = torch.full((len(latents),), self.classes.trained.index(label), device=latents.device)
        images: Tensor = self.network(self.network.encode(latents, targets))
        return images

    def _build_networks(self) -> dict[str, Any]:
        settings, count = self.settings, len(self.classes.trained)
        generator = self.method.generator(self.size, settings.width, settings.latent, count, settings.norm)
        return {"generator": generator, **self.method.critics(self.size, count)}
