"""A model fitted by scikit-learn in one step and saved as arrays; the shared part of the statistical methods."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from hemabalance.classify.method import ClassifierSettings
from hemabalance.classify.model import ModelData, check_data, check_pixels, describe
from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_tensors, save_tensors

MIN_LOG_PROBABILITY = -1e4
"""Lower bound of the log-probabilities, also that of classes without training images.

Finite, but its exponential is 0 at any temperature that calibration can fit.
"""
_SEEN = "seen"
"""Name of the array with the indices of the classes that had training images."""
FROZEN = "frozen."
"""Prefix of the names of arrays that were not fitted."""

Arrays = Mapping[str, np.ndarray]


class SklearnEstimator(Protocol):
    """The computation of one method."""

    def fit(self, images: Images, targets: np.ndarray, job: FitJob) -> Arrays:
        """Fit the parameters and return them by name.

        Args:
            images: training images.
            targets: int64 (n,), indices of the classes that have training images, numbered from 0.
            job: threads and seed.
        """

    def log_probabilities(self, arrays: Arrays, pixels: np.ndarray) -> np.ndarray:
        """Float (n, classes with training images) for RGB uint8 (n, size, size, 3)."""


class SklearnModel:
    """A `classify.model.Model` made of a `SklearnEstimator`; `logits` are log-probabilities.

    Args:
        method: name of the method.
        estimator: computation of the method.
        settings: settings of the method.
        classes: classes in the order of the logits.
        size: side of the input images in pixels.
        runtime: device and precision.
    """

    def __init__(
        self,
        method: str,
        estimator: SklearnEstimator,
        settings: ClassifierSettings,
        *,
        classes: Sequence[str],
        size: int,
        runtime: Runtime,
    ) -> None:
        self.estimator, self.classes, self.size, self.runtime = estimator, tuple(classes), size, runtime
        self.description = describe(method, size, self.classes, settings)
        self._arrays: Arrays = {}

    @property
    def parameters(self) -> int:
        """Number of fitted parameters; 0 before `fit`."""
        return sum(array.size for name, array in self._arrays.items() if name != _SEEN and not name.startswith(FROZEN))

    def fit(self, data: ModelData, job: FitJob) -> TrainingResult:
        """Fit the parameters; validation images are not used. Errors as `Model.fit`."""
        start = time.monotonic()
        check_data(data, self.classes, self.size)
        codes = [self.classes.index(label) for label in data.train.labels.tolist()]
        present, targets = np.unique(codes, return_inverse=True)
        self._arrays = {**self.estimator.fit(data.train, targets, job), _SEEN: present}
        with atomic_path(job.history) as part:
            part.touch()
        return TrainingResult(0, time.monotonic() - start)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Log-probabilities float32 (n, classes), not below `MIN_LOG_PROBABILITY`; errors as `Model.logits`."""
        check_pixels("images to classify", pixels, self.size)
        arrays = self._fitted_arrays()
        logits = np.full((len(pixels), len(self.classes)), MIN_LOG_PROBABILITY, np.float32)
        if len(pixels):
            logits[:, arrays[_SEEN]] = np.maximum(self.estimator.log_probabilities(arrays, pixels), MIN_LOG_PROBABILITY)
        return logits

    def save(self, path: Path) -> None:
        """Write the arrays and the description from which the model can be rebuilt."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in self._fitted_arrays().items()}
        save_tensors(path, tensors, self.description)

    def load(self, path: Path) -> None:
        """Read a file of `save`; errors as `Model.load`."""
        self._arrays = {name: tensor.numpy() for name, tensor in load_tensors(path, self.description).items()}

    def module(self) -> nn.Module:
        """Statistical models are no networks.

        Raises:
            InputError: always.
        """
        problem = "is no network: there are no layers to export"
        raise InputError(
            f"model method {self.description['method']}", problem, "Choose a model that is a neural network"
        )

    def _fitted_arrays(self) -> Arrays:
        if not self._arrays:
            raise RuntimeError(f"{self.description['method']} is neither fitted nor loaded")
        return self._arrays
