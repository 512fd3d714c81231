"""The interface of every model, and checks of its inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import nn

from hemabalance.errors import InputError
from hemabalance.section import Section
from hemabalance.training.data_checks import require_size
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult

KIND = "model"


@dataclass(frozen=True)
class ModelData:
    """Images to fit a model on, at the working size; a class may have no image.

    Attributes:
        train: training images of the balanced set.
        validation: validation images, which choose the best weights; may be empty.
        synthetic: bool (n,), which training images are synthetic; None: none.
    """

    train: Images
    validation: Images
    synthetic: np.ndarray | None = None

    @property
    def is_synthetic(self) -> np.ndarray:
        """Whether each training image is synthetic, bool (n,)."""
        return np.zeros(len(self.train.labels), bool) if self.synthetic is None else self.synthetic


class Model(Protocol):
    """A classifier, trained or not."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the logits."""

    @property
    def size(self) -> int:
        """Side of its input images in pixels."""

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""

    @property
    def description(self) -> Mapping[str, Any]:
        """JSON values from which the model can be rebuilt: `kind, method, size, classes, settings`."""

    def fit(self, data: ModelData, job: FitJob) -> TrainingResult:
        """Train on the data, or resume the training in `job.state`.

        Raises:
            InputError: the data are unsuitable, the training diverged, the disk is full, or `job.state` holds a
                training on other data or with other settings.
        """

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Scores in evaluation mode; their softmax gives probabilities.

        Args:
            pixels: RGB uint8 (n, size, size, 3).

        Returns:
            float32 (n, classes), finite; up to rounding, the scores of an image do not depend on the other images.

        Raises:
            InputError: the images have another size.
            RuntimeError: the model is neither fitted nor loaded.
        """

    def save(self, path: Path) -> None:
        """Write parameters and description as safetensors, atomically."""

    def load(self, path: Path) -> None:
        """Read the parameters from a file of `save`.

        Raises:
            InputError: the file is missing, truncated, no model, or of another method, setting, size or class list.
        """

    def module(self) -> nn.Module:
        """The model with its preprocessing as a network in evaluation mode.

        Input: float32 (n, 3, size, size) in [-1, 1]; output: logits (n, classes).

        Raises:
            InputError: the method is no network.
            RuntimeError: the model is neither fitted nor loaded.
        """


def describe(method: str, size: int, classes: tuple[str, ...], settings: Section) -> dict[str, Any]:
    """The `description` of a model."""
    return {"kind": KIND, "method": method, "size": size, "classes": list(classes), "settings": settings.plain}


def check_pixels(what: str, pixels: np.ndarray, size: int) -> None:
    """Refuse images that are not RGB uint8 (n, size, size, 3).

    Raises:
        InputError: the images have another size; names it.
        ValueError: the array does not hold RGB uint8 images.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ValueError(f"{what}: expected RGB uint8 (n, h, w, 3), not {pixels.dtype} {pixels.shape}")
    require_size(what, pixels, size)


def check_data(data: ModelData, classes: tuple[str, ...], size: int) -> None:
    """Refuse data that a model of these classes and this size cannot be fitted on.

    Raises:
        InputError: there are no training images, or images of another size or of a class that is not in the list.
    """
    for what, images in (("training images", data.train), ("validation images", data.validation)):
        if len(images.pixels):
            check_pixels(what, images.pixels, size)
        foreign = sorted(set(images.labels.tolist()) - set(classes))
        if foreign:
            remedy = "Check the label column of the balanced set"
            raise InputError(what, f"have labels that the model does not know: {', '.join(foreign)}", remedy)
    if not len(data.train.pixels):
        remedy = "Check images.parquet of the balanced set, and which images earlier stages excluded"
        raise InputError("training images", "there are none", remedy)
