"""The interface that every generator implements."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.classifier import Classifier
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult


@dataclass(frozen=True)
class SynthesisData:
    """Images that a generator is fitted on, all at the working size.

    Attributes:
        real: stain-normalised real training images of the trained and the served classes.
        held_back: real images of the same classes that no training learns from, used for the history only. From the
            validation part, never test images. May be empty.
        teacher_images: images of the trained classes that another generator sampled; empty without a teacher, and for a
            method that starts from the teacher's network.
        teacher: the trained generator that the config names as teacher; None without one.
        judge: classifier trained on real training images only; None for a method that does not need it.
    """

    real: Images
    held_back: Images
    teacher_images: Images
    teacher: "Generator | None" = None
    judge: Classifier | None = None


class Generator(Protocol):
    """A generator, fitted or not."""

    @property
    def classes(self) -> Classes:
        """Classes that the generator is trained on, and classes that it generates."""

    @property
    def size(self) -> int:
        """Side of the images in pixels."""

    @property
    def latent(self) -> int:
        """Length of a latent vector."""

    @property
    def parameters(self) -> Mapping[str, int]:
        """Number of trainable parameters by network."""

    @property
    def snapshots(self) -> Snapshots | None:
        """Images generated during training; None before `fit` and for a loaded generator."""

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train on the data.

        Raises:
            InputError: the data are unsuitable (a class has too few images), the training diverged, or the disk is
                full.
        """

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, in evaluation mode.

        Callers use `sampling.sample`, which supplies full blocks of latents and deterministic convolutions.

        Args:
            label: one of `classes.served`.
            latents: float32 (n, latent), standard normal, on the device.
            indices: int64 (n,), latent indices, for methods whose images depend on more than a latent.

        Returns:
            float32 (n, 3, size, size) in [-1, 1] on the device.
        """

    def save(self, path: Path) -> None:
        """Write the fitted weights atomically."""

    def load(self, path: Path) -> None:
        """Read weights that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, not a weights file, or of another method, setting, size or
                class list.
        """
