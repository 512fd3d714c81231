"""A model that is one network, whichever: built, trained, asked and kept in the same way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.classify.classifier_training import AT_ONCE, ClassifierTraining
from hemabalance.classify.model import ModelData, check_data, check_pixels, describe
from hemabalance.classify.preparation import Preparation
from hemabalance.classify.settings import NetworkSettings
from hemabalance.errors import InputError
from hemabalance.files import sha256_file
from hemabalance.metrics.full_precision import full_precision
from hemabalance.networks.layers import count_parameters
from hemabalance.training.data_checks import fingerprint
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import Schedule, TrainingResult, train
from hemabalance.training.settings import WITHOUT_EFFECT
from hemabalance.training.weights import load_weights, save_weights

UNCHANGED = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Mean and deviation that leave colours in [-1, 1]."""


@dataclass(frozen=True)
class Architecture:
    """What makes one network differ from another.

    Attributes:
        name: for people.
        create: an untrained one from the number of classes, drawn from PyTorch's global generator; ValueError where it
            cannot be built.
        smallest: side in pixels of the smallest images it takes.
        colours: mean and standard deviation of RGB in [0, 1] that its images are normalised with.
        begin: fills an untrained network, but for its head, with ImageNet weights from a file, InputError where they
            do not fit; None where there are none.
    """

    name: str
    create: Callable[[int], nn.Module]
    smallest: int
    colours: tuple[Sequence[float], Sequence[float]]
    begin: Callable[[Any, Path], None] | None


class NetworkModel:
    """A `classify.model.Model` of one network.

    Args:
        method: its name.
        architecture: which network.
        settings: the method's own.
        classes: in the order of the logits.
        size: side of the images it takes, in pixels.
        runtime: where it runs.

    Raises:
        InputError: the network cannot be built with these settings, or not for such small images.
    """

    def __init__(
        self,
        method: str,
        architecture: Architecture,
        settings: NetworkSettings,
        *,
        classes: Sequence[str],
        size: int,
        runtime: Runtime,
    ) -> None:
        self.architecture, self.settings = architecture, settings
        self.classes, self.size, self.runtime = tuple(classes), size, runtime
        if settings.input_size < architecture.smallest:
            problem = f"is {settings.input_size} px, too small for {architecture.name}"
            raise InputError("config key input_size", problem, f"Set it to {architecture.smallest} or more")
        if settings.imagenet_weights is not None and architecture.begin is None:
            problem = f"is set, but {architecture.name} never learned ImageNet"
            raise InputError("config key imagenet_weights", problem, "Set it to null")
        self._preparation = Preparation(size, settings.input_size, *architecture.colours).to(runtime.device)
        self._network = self._create().to(runtime.device).eval()
        self._ready = False
        self.parameters = count_parameters(self._network)
        self.description = describe(method, size, self.classes, settings)

    def fit(self, data: ModelData, job: FitJob) -> TrainingResult:
        """Train, or go on with the training that `job.state` holds; errors as `Model.fit`."""
        own, learning = self.settings, self.begin(data, job)
        trained = train(
            learning,
            Schedule(own.steps, own.checkpoint_every, own.log_every),
            state=job.state,
            history=job.history,
            description=self._training(data, job),
            runtime=job.runtime,
            what=f"training {self.architecture.name}",
        )
        self._network.load_state_dict(learning.best.network.state_dict())
        self._ready = True
        return trained

    def begin(self, data: ModelData, job: FitJob) -> ClassifierTraining:
        """The training before its first step; errors about the data and the ImageNet weights as `fit`."""
        check_data(data, self.classes, self.size)
        torch.manual_seed(job.seed)
        network, start = self._create(), self.settings.imagenet_weights
        if start is not None and self.architecture.begin is not None:
            self.architecture.begin(network, Path(start))
        return ClassifierTraining(network, self._preparation, self.settings, self.classes, data, job)

    @torch.inference_mode()
    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Float32 (n, classes) for RGB uint8 (n, size, size, 3), in float32 throughout; errors as `Model.logits`."""
        check_pixels("images to classify", pixels, self.size)
        network, device = self._trained(), self.runtime.device
        found = np.empty((len(pixels), len(self.classes)), np.float32)
        with full_precision(device):
            for first in range(0, len(pixels), AT_ONCE):
                batch = torch.from_numpy(np.ascontiguousarray(pixels[first : first + AT_ONCE])).to(device)
                logits: Tensor = network(self._preparation(batch.permute(0, 3, 1, 2).float() / 127.5 - 1))
                found[first : first + AT_ONCE] = logits.cpu().numpy()
        return found

    def save(self, path: Path) -> None:
        """Write the network; what is written tells all that `build` asks for."""
        save_weights(path, {"network": self._trained()}, self.description)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; errors as `Model.load`."""
        load_weights(path, {"network": self._network}, self.description)
        self._ready = True

    def module(self) -> nn.Module:
        """A `Sequential` of the `Preparation` and the network, on the device, in evaluation mode."""
        return nn.Sequential(self._preparation, self._trained()).eval()

    def _create(self) -> nn.Module:
        try:
            return self.architecture.create(len(self.classes))
        except ValueError as error:
            raise InputError("config section classify.models", str(error), "Correct it there") from error

    def _trained(self) -> nn.Module:
        if not self._ready:
            raise RuntimeError(f"{self.architecture.name} is neither fitted nor loaded")
        return self._network

    def _training(self, data: ModelData, job: FitJob) -> dict[str, Any]:
        """What tells one training from another."""
        start = self.settings.imagenet_weights
        parts = (data.train, data.validation)
        return self.description | {
            "settings": self.settings.model_dump(mode="json", exclude=set(WITHOUT_EFFECT)),
            "seed": job.seed,
            "images": [fingerprint(part.labels, part.pixels) for part in parts],
            "imagenet": None if start is None else sha256_file(start),
        }
