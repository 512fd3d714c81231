"""A model whose parameters are arrays at once, by scikit-learn, and kept as arrays: the frame of such methods."""

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

LEAST = -1e4
"""The smallest log-probability given out: of a class that no training image was of, and of whatever is less likely.

A probability of 0 that stays finite, and 0 at any temperature that calibration would fit.
"""
_SEEN = "seen"
FROZEN = "frozen."
"""What the names of arrays begin with that training did not fit."""

Arrays = Mapping[str, np.ndarray]


class SklearnEstimator(Protocol):
    """One method."""

    def fit(self, images: Images, targets: np.ndarray, job: FitJob) -> Arrays:
        """The parameters, by name.

        Args:
            images: to learn from.
            targets: int64 (n,), from 0 to the number of classes seen less one.
            job: threads and seed.
        """

    def log_probabilities(self, arrays: Arrays, pixels: np.ndarray) -> np.ndarray:
        """Float (n, classes seen) for RGB uint8 (n, size, size, 3)."""


class SklearnModel:
    """A `classify.model.Model` from a `SklearnEstimator`; `logits` are log-probabilities, `LEAST` of a class never seen.

    Args:
        method: its name.
        recipe: what it does.
        settings: the method's own.
        classes: in the order of the logits.
        size: side of the images it takes, in pixels.
        runtime: where it runs.
    """

    def __init__(
        self,
        method: str,
        recipe: SklearnEstimator,
        settings: ClassifierSettings,
        *,
        classes: Sequence[str],
        size: int,
        runtime: Runtime,
    ) -> None:
        self.recipe, self.classes, self.size, self.runtime = recipe, tuple(classes), size, runtime
        self.description = describe(method, size, self.classes, settings)
        self._found: Arrays = {}

    @property
    def parameters(self) -> int:
        """How many numbers training arrays; 0 before it."""
        return sum(x.size for name, x in self._found.items() if name != _SEEN and not name.startswith(FROZEN))

    def fit(self, data: ModelData, job: FitJob) -> TrainingResult:
        """Find the parameters; the validation images are not looked at. Errors as `Model.fit`."""
        start = time.monotonic()
        check_data(data, self.classes, self.size)
        codes = [self.classes.index(label) for label in data.train.labels.tolist()]
        seen, targets = np.unique(codes, return_inverse=True)
        self._found = {**self.recipe.fit(data.train, targets, job), _SEEN: seen}
        with atomic_path(job.history) as part:
            part.touch()
        return TrainingResult(0, time.monotonic() - start)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Log-probabilities float32 (n, classes), not below `LEAST`; errors as `Model.logits`."""
        check_pixels("images to classify", pixels, self.size)
        arrays = self._trained()
        logits = np.full((len(pixels), len(self.classes)), LEAST, np.float32)
        if len(pixels):
            logits[:, arrays[_SEEN]] = np.maximum(self.recipe.log_probabilities(arrays, pixels), LEAST)
        return logits

    def save(self, path: Path) -> None:
        """Write the arrays; what is written tells all that `build` asks for."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in self._trained().items()}
        save_tensors(path, tensors, self.description)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; errors as `Model.load`."""
        self._found = {name: tensor.numpy() for name, tensor in load_tensors(path, self.description).items()}

    def module(self) -> nn.Module:
        """There is none.

        Raises:
            InputError: always.
        """
        problem = "is no network: it has no layers to export or to look into"
        raise InputError(f"model method {self.description['method']}", problem, "Choose a neural model")

    def _trained(self) -> Arrays:
        if not self._found:
            raise RuntimeError(f"{self.description['method']} is neither fitted nor loaded")
        return self._found
