"""The teacher of a generator: another generator, trained before it on the same images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from hemabalance.errors import InputError
from hemabalance.synthesis.generator import Generator
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime
from hemabalance.training.job import Images


def no_images(size: int) -> Images:
    """No images of this size."""
    return Images(np.empty((0, size, size, 3), np.uint8), np.empty(0, "<U1"))


@dataclass(frozen=True)
class TeacherGenerator:
    """A trained generator whose images or network another generator learns from.

    Attributes:
        weights: its weights file, for messages.
        generator: the generator.
        runtime: its device.
    """

    weights: Path
    generator: Generator
    runtime: Runtime

    @classmethod
    def open(cls, weights: str | Path | None, runtime: Runtime) -> Self | None:
        """The teacher with these weights; None without weights.

        Raises:
            InputError: as `open_by_description`.
        """
        if weights is None:
            return None
        return cls(Path(weights), open_by_description(Path(weights), runtime), runtime)

    def images(self, classes: Classes, size: int, images_per_class: int, *, seed: int) -> Images:
        """Images of those trained classes of a student that the teacher generates.

        Args:
            classes: of the student.
            size: side of the student's images in pixels.
            images_per_class: number of images of each class.
            seed: of the latents.

        Raises:
            InputError: the teacher generates images of another size.
        """
        self.require_size(size)
        labels = [label for label in classes.trained if label in self.generator.classes.served]
        device = self.runtime.device
        pixels = [sample(self.generator, label, range(images_per_class), seed=seed, device=device) for label in labels]
        return Images(
            np.concatenate([no_images(size).pixels, *pixels]), np.repeat(np.array(labels, dtype=str), images_per_class)
        )

    def require_size(self, size: int) -> None:
        """Refuse a teacher whose images have another size than `size` pixels.

        Raises:
            InputError: they have.
        """
        if self.generator.size != size:
            problem = f"generates images of {self.generator.size} px, but the student needs {size} px"
            raise InputError(self.weights, problem, "Train both at one synthesis.size")
