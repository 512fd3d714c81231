"""The few-shot generator for classes with few images, independent of its meta-training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, cast

import torch
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.network_generator import NetworkGenerator
from hemabalance.synthesis.recalibrate import BATCHES, recalibrate
from hemabalance.synthesis.reptile import Reptile, SettingsT
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import BLOCK
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.tasks import Tasks
from hemabalance.synthesis.training import train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult


class AdaptedGenerator(nn.Module):
    """Generator adapted to one class, with reference features of training images if the generator uses them.

    Args:
        generator: network with inputs of length `latent + features`.
        features: length of a feature vector; 0 without features.
        max_references: maximum number of reference feature vectors.
        mixing: share, in [0, 0.5], of a second training image's features in the features of a generated image.
    """

    references: Tensor
    """float32 (max_references, features); the first `count` rows are in use."""
    count: Tensor
    """int64 (), number of reference feature vectors."""

    def __init__(self, generator: FewshotGenerator, features: int, max_references: int, mixing: float) -> None:
        super().__init__()
        self.generator, self.features, self.mixing = generator, features, mixing
        if features:
            self.register_buffer("references", torch.zeros(max_references, features))
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def inputs(self, latents: Tensor, indices: Tensor) -> Tensor:
        """Inputs of the generator, (n, latent + features): each latent with the features of reference `index % count`.

        The features are mixed with those of a second reference, which changes after each pass over all references.
        """
        if not self.features:
            return latents
        first = indices % self.count
        second = (indices + indices // self.count + 1) % self.count
        mixed = torch.lerp(self.references[first], self.references[second], self.mixing)
        return torch.cat((latents, mixed), dim=1)

    def forward(self, latents: Tensor, indices: Tensor) -> Tensor:
        """Images (n, 3, size, size) in [-1, 1] of latents (n, latent) and latent indices int64 (n,)."""
        images: Tensor = self.generator(self.inputs(latents, indices))
        return images

    @torch.no_grad()
    def set_references(self, references: Tensor) -> None:
        """Replace the reference features by (n, features), n at most `max_references`."""
        self.references.zero_()[: len(references)] = references
        self.count.fill_(len(references))

    def load_generator(self, generator: nn.Module, noise: Callable[[int], Tensor]) -> None:
        """Copy a generator and recompute its batch statistics on inputs as in later use; call `set_references` first.

        Args:
            generator: trained generator.
            noise: function of n that returns n latent vectors.
        """
        self.generator.load_state_dict(generator.state_dict())
        indices = torch.arange(BATCHES * BLOCK, device=next(generator.parameters()).device)
        recalibrate(self.generator, (self.inputs(noise(BLOCK), block) for block in torch.split(indices, BLOCK)))


@dataclass(frozen=True)
class FewshotVariant(Generic[SettingsT]):
    """Parts in which few-shot methods differ.

    Attributes:
        name: name of the method.
        settings: settings of the method.
        networks: builds the untrained networks by name, including `generator` and `discriminator`; raises ValueError if
            they cannot be built for the size.
        features: length of the generator's input besides the latent; 0 for none.
        references: maximum number of reference feature vectors of a class.
        mixing: share of the second reference, see `AdaptedGenerator`.
        training: builds the training of networks, adapted generators, tasks, snapshots and job.
    """

    name: str
    settings: SettingsT
    networks: Callable[[], dict[str, nn.Module]]
    features: int
    references: int
    mixing: float
    training: Callable[
        [Mapping[str, nn.Module], Mapping[str, AdaptedGenerator], Tasks, Snapshots, FitJob], Reptile[SettingsT]
    ]


class FewshotGeneration(NetworkGenerator[SettingsT]):
    """A `synthesis.generator.Generator` with one network per served class, adapted from one set of meta-weights.

    The weights file holds the adapted generators with their reference features; sampling needs no training image.

    Args:
        method: the method.
        classes: trained classes are the tasks of the meta-training, served classes are those adapted to.
        size: side of the images in pixels.
        runtime: device of the networks.

    Raises:
        InputError: there is no class to train on or to serve, or the networks cannot be built for this size or width.
    """

    def __init__(self, method: FewshotVariant[SettingsT], *, classes: Classes, size: int, runtime: Runtime) -> None:
        super().__init__(method.name, method.settings, classes=classes, size=size, runtime=runtime)
        self.method, self.latent = method, method.settings.latent
        for purpose, names in (("to learn from", classes.trained), ("to generate", classes.served)):
            if not names:
                problem = f"has no class {purpose}"
                raise InputError(
                    f"generator method {method.name}",
                    problem,
                    "Check synthesis.roles in the config and the class counts",
                )
        networks = self.built(method.networks)
        self.adapted = {label: self._build_adapted().to(runtime.device).eval() for label in classes.served}
        self.networks = self.adapted
        self.parameters = {name: count_parameters(network) for name, network in networks.items()}

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Meta-train, then adapt to each served class, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: a class has too few images, the images have another size, the training diverged, the disk is
                full, or the checkpoint is of other data or settings.
        """
        settings, training = self.settings, self.initialise_training(data, job)
        result = train_generator(training, training.steps, settings, self.description, training.tasks.fingerprint, job)
        self.finish(training.snapshots)
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> Reptile[SettingsT]:
        """The training before its first step; errors about the data as in `fit`."""
        settings = self.settings
        tasks = Tasks(data, self.classes, self.size, job.runtime, settings.memory_budget)
        snapshots = self.new_snapshots(settings.episodes)
        return self.method.training(self.method.networks(), self.adapted, tasks, snapshots, job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class; the latent index selects the training image whose features are used.

        Arguments and result as in `synthesis.generator.Generator.generate`.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        images: Tensor = self.trained()[label](latents, indices)
        return images

    def _build_adapted(self) -> AdaptedGenerator:
        generator = cast(FewshotGenerator, self.method.networks()["generator"])
        return AdaptedGenerator(generator, self.method.features, self.method.references, self.method.mixing)
