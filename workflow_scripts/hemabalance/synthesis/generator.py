"""What every generator takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult


@dataclass(frozen=True)
class SynthesisData:
    """What a generator is fitted on, all at the working size.

    Attributes:
        real: real training images, after stain normalisation, of the classes trained and served.
        held_back: real images that no training learns from, of the same classes; looked at for the history only.
            Of the validation part: never test images. May be empty.
        taught: images that another generator made of the trained classes; empty where there is none.
    """

    real: Images
    held_back: Images
    taught: Images


class Generator(Protocol):
    """One method, trained or not."""

    @property
    def classes(self) -> Classes:
        """The classes that it makes images of."""

    @property
    def size(self) -> int:
        """Side of the images in pixels."""

    @property
    def latent(self) -> int:
        """Numbers in a latent vector."""

    @property
    def parameters(self) -> Mapping[str, int]:
        """How many numbers training changes, by network."""

    @property
    def snapshots(self) -> Snapshots | None:
        """Images made along the training, after `fit`; None before, and of a generator that was loaded."""

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train on the data.

        Raises:
            InputError: the data cannot serve (a class with too few images), the training diverged, or the disk is full.
        """

    def make(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, in evaluation mode; use `sampling.sample`, which sees to what must be so.

        Args:
            label: one of `classes.served`.
            latents: float32 (n, latent), standard normal, on the device.
            indices: int64 (n,), the latents' own, for methods that draw more than a latent.

        Returns:
            float32 (n, 3, size, size) in [-1, 1] on the device.
        """

    def save(self, path: Path) -> None:
        """Write what training found, atomically."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, foreign, or of another method, setting, size or class list.
        """
