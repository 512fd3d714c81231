"""A model that is a neural network: training, inference, saving and loading, for every architecture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.classify.class_frequencies import ShiftedLogits, logit_shift
from hemabalance.classify.classifier_training import INFERENCE_BATCH, ClassifierTraining
from hemabalance.classify.model import ModelData, check_data, check_pixels, describe
from hemabalance.classify.pose_average import POSES, PoseAverage
from hemabalance.classify.preparation import Preparation
from hemabalance.classify.settings import NetworkSettings
from hemabalance.classify.zoom_average import ZoomAverage
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
"""Mean and standard deviation that leave colours in [-1, 1]."""


@dataclass(frozen=True)
class Architecture:
    """The properties of one architecture.

    Attributes:
        name: name for messages.
        create: builds an untrained network from the number of classes, with weights from PyTorch's global generator;
            raises ValueError if it cannot be built.
        smallest: side of the smallest input images in pixels.
        colours: mean and standard deviation of RGB in [0, 1] with which its images are normalised.
        load_imagenet: loads ImageNet weights from a file into an untrained network, except its head; raises InputError
            if they do not fit. None if there are no such weights.
    """

    name: str
    create: Callable[[int], nn.Module]
    smallest: int
    colours: tuple[Sequence[float], Sequence[float]]
    load_imagenet: Callable[[Any, Path], None] | None


class NetworkModel:
    """A `classify.model.Model` of one network.

    Args:
        method: name of the method.
        architecture: architecture of the network.
        settings: settings of the method.
        classes: classes in the order of the logits.
        size: side of the input images in pixels.
        runtime: device and precision.
        start: file of ImageNet weights to start from in place of the setting `imagenet_weights`.

    Raises:
        InputError: the network cannot be built with these settings, or `input_size` is too small for it.
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
        start: str | None = None,
    ) -> None:
        self.architecture, self.settings = architecture, settings
        self.classes, self.size, self.runtime = tuple(classes), size, runtime
        self._start = settings.imagenet_weights if start is None else start
        if settings.input_size < architecture.smallest:
            problem = f"is {settings.input_size} px, too small for {architecture.name}"
            raise InputError("config key input_size", problem, f"Set it to {architecture.smallest} or more")
        if settings.imagenet_weights is not None and architecture.load_imagenet is None:
            problem = f"is set, but {architecture.name} has no ImageNet weights"
            raise InputError("config key imagenet_weights", problem, "Set it to null")
        self._preparation = Preparation(size, settings.input_size, *architecture.colours).to(runtime.device)
        self._network = self._create().to(runtime.device).eval()
        self._ready = False
        self.parameters = count_parameters(self._network)
        self.description = describe(method, size, self.classes, settings)

    def fit(self, data: ModelData, job: FitJob) -> TrainingResult:
        """Train, or resume the training in `job.state`; errors as `Model.fit`."""
        settings, training = self.settings, self.initialise_training(data, job)
        result = train(
            training,
            Schedule(settings.steps, settings.checkpoint_every, settings.log_every),
            state=job.state,
            history=job.history,
            description=self._training_description(data, job),
            runtime=job.runtime,
            what=f"training {self.architecture.name}",
        )
        self._network.load_state_dict(training.best.network.state_dict())
        if isinstance(self._network, ShiftedLogits):
            self._network.shift.copy_(logit_shift(training.frequencies, settings.tau))
        self._ready = True
        return result

    def initialise_training(self, data: ModelData, job: FitJob) -> ClassifierTraining:
        """The training before its first step; errors concerning data and ImageNet weights as `fit`."""
        check_data(data, self.classes, self.size)
        torch.manual_seed(job.seed)
        network = self._create()
        if self._start is not None and self.architecture.load_imagenet is not None:
            body = network.network if isinstance(network, ShiftedLogits) else network
            self.architecture.load_imagenet(body, Path(self._start))
        return ClassifierTraining(network, self._preparation, self.settings, self.classes, data, job)

    @torch.inference_mode()
    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits float32 (n, classes) of RGB uint8 (n, size, size, 3), in full precision; errors as `Model.logits`.

        With `average_poses` or `average_zooms`, the logarithm of the mean probability, see `pose_average` and
        `zoom_average`.
        """
        check_pixels("images to classify", pixels, self.size)
        module, device = self.module(), self.runtime.device
        size = INFERENCE_BATCH // POSES if self.settings.average_poses else INFERENCE_BATCH
        scores = np.empty((len(pixels), len(self.classes)), np.float32)
        # Several threads may predict at once on the CPU, but the settings of cuDNN belong to the whole process.
        with torch.autocast("cpu", enabled=False) if device.type == "cpu" else full_precision(device):
            for first in range(0, len(pixels), size):
                logits: Tensor = module(self._input(pixels[first : first + size]))
                scores[first : first + size] = logits.cpu().numpy()
        return scores

    @torch.no_grad()
    def use_statistics_of(self, pixels: np.ndarray) -> bool:
        """Replace the means and variances of batch normalisation by those of given images.

        Each is the mean over batches, as if these images had been the last ones of the training (AdaBN, Li et al.
        2017, arXiv:1603.04779).

        Args:
            pixels: RGB uint8 (n, size, size, 3), n at least 1.

        Returns:
            Whether the network has such layers.
        """
        network = self._fitted_network()
        layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative mean
            layer.train()
        for first in range(0, len(pixels) if layers else 0, INFERENCE_BATCH):
            network(self._preparation(self._input(pixels[first : first + INFERENCE_BATCH])))
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()
        return bool(layers)

    def save(self, path: Path) -> None:
        """Write the network and the description from which it can be rebuilt."""
        save_weights(path, {"network": self._fitted_network()}, self.description)

    def load(self, path: Path) -> None:
        """Read a file of `save`; errors as `Model.load`."""
        load_weights(path, {"network": self._network}, self.description)
        self._ready = True

    def module(self) -> nn.Module:
        """What predicts, on the device, in evaluation mode: images float32 (n, 3, size, size) in [-1, 1] to logits.

        It is a `Sequential` of `Preparation` and network, and averages over poses and scales if the settings say so;
        trained, saved and loaded is the network inside.
        """
        network = self._fitted_network()
        predictor = PoseAverage(network) if self.settings.average_poses else network
        module: nn.Module = nn.Sequential(self._preparation, predictor)
        if self.settings.average_zooms:
            module = ZoomAverage(module, self.size, self.settings.average_zooms).to(self.runtime.device)
        return module.eval()

    def _create(self) -> nn.Module:
        try:
            network = self.architecture.create(len(self.classes))
        except ValueError as error:
            raise InputError(
                "config section classify.models", str(error), "Correct the settings of the model"
            ) from error
        if self.settings.logit_adjustment == "afterwards":
            return ShiftedLogits(network, len(self.classes))
        return network

    def _input(self, pixels: np.ndarray) -> Tensor:
        """RGB uint8 (n, s, s, 3) as float32 (n, 3, s, s) in [-1, 1] on the device."""
        batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.runtime.device)
        return batch.permute(0, 3, 1, 2).float() / 127.5 - 1

    def _fitted_network(self) -> nn.Module:
        if not self._ready:
            raise RuntimeError(f"{self.architecture.name} is neither fitted nor loaded")
        return self._network

    def _training_description(self, data: ModelData, job: FitJob) -> dict[str, Any]:
        """JSON values that identify a training; a checkpoint with other values is refused."""
        parts = (data.train, data.validation)
        description = self.description | {
            "settings": self.settings.model_dump(mode="json", exclude=set(WITHOUT_EFFECT)),
            "seed": job.seed,
            "images": [fingerprint(part.labels, part.pixels) for part in parts],
            "imagenet": None if self._start is None else sha256_file(self._start),
        }
        if self.settings.tells_synthetic_apart:
            description["synthetic"] = fingerprint(data.is_synthetic.astype(str))
        return description
