"""What every model takes and gives."""

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
    """What a model is fitted on, all at the working size; a class may be without an image.

    Attributes:
        train: images of the balanced set.
        validation: images held back from training, by which the best weights are chosen; may be empty.
    """

    train: Images
    validation: Images


class Model(Protocol):
    """One method, trained or not."""

    @property
    def classes(self) -> tuple[str, ...]:
        """All that it may name, in the order of its logits."""

    @property
    def size(self) -> int:
        """Side in pixels of the images it takes."""

    @property
    def parameters(self) -> int:
        """How many numbers training finds."""

    @property
    def description(self) -> Mapping[str, Any]:
        """JSON values from which alone it is built anew: `kind, method, size, classes, settings`."""

    def fit(self, data: ModelData, job: FitJob) -> TrainingResult:
        """Train on the data, or go on with the training that `job.state` holds.

        Raises:
            InputError: the data cannot serve, the training diverged, the disk is full, or `job.state` holds a
                training of other data or settings.
        """

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Scores whose softmax are probabilities, in evaluation mode.

        Args:
            pixels: RGB uint8 (n, size, size, 3).

        Returns:
            float32 (n, classes), finite; an image's do not depend on the others beyond float32 rounding.

        Raises:
            InputError: images of another size.
            RuntimeError: it is neither fitted nor loaded.
        """

    def save(self, path: Path) -> None:
        """Write what training found and the description, atomically, as safetensors."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, foreign, or of another method, setting, size or class list.
        """

    def module(self) -> nn.Module:
        """The whole model as a network in evaluation mode: float32 (n, 3, size, size) in [-1, 1] to (n, classes).

        Raises:
            InputError: the method is no network.
            RuntimeError: it is neither fitted nor loaded.
        """


def describe(method: str, size: int, classes: tuple[str, ...], settings: Section) -> dict[str, Any]:
    """A model's `description`."""
    return {"kind": KIND, "method": method, "size": size, "classes": list(classes), "settings": settings.plain}


def check_pixels(what: str, pixels: np.ndarray, size: int) -> None:
    """Refuse images that are not RGB uint8 (n, size, size, 3).

    Raises:
        InputError: they have another size, which is named.
        ValueError: they are no RGB uint8 images.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ValueError(f"{what}: RGB uint8 (n, h, w, 3) is needed, not {pixels.dtype} {pixels.shape}")
    require_size(what, pixels, size)


def check_data(data: ModelData, classes: tuple[str, ...], size: int) -> None:
    """Refuse data that a model of these classes and this size cannot learn from.

    Raises:
        InputError: no training image, images of another size, or of a class that is not in the list.
    """
    for what, images in (("training images", data.train), ("validation images", data.validation)):
        if len(images.pixels):
            check_pixels(what, images.pixels, size)
        foreign = sorted(set(images.labels.tolist()) - set(classes))
        if foreign:
            remedy = "Check the label column of the balanced set"
            raise InputError(what, f"are of a class that the model does not know: {', '.join(foreign)}", remedy)
    if not len(data.train.pixels):
        remedy = "Look at the balanced set's images.parquet and at what was left out before it"
        raise InputError("training images", "there are none", remedy)
