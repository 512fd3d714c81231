"""The generator without a class to generate: nothing is trained, and all its files are empty."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from hemabalance.files import atomic_path
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.training import describe
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_weights, save_weights


class EmptyGenerator:
    """A `synthesis.generator.Generator` of a run in which no class has the role that it serves.

    Args:
        spec: method and settings of the entry.
        classes: without trained and served classes.
        size: side of the images in pixels, if there were any.
    """

    latent = 0

    def __init__(self, spec: GeneratorSpec, classes: Classes, size: int) -> None:
        self.classes, self.size = classes, size
        self.parameters: Mapping[str, int] = {}
        self.snapshots: Snapshots | None = None
        self.description = describe(spec.method, size, classes, spec.settings)

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train nothing, and write an empty history."""
        with atomic_path(job.history) as part:
            part.touch()
        self.snapshots = Snapshots((), points=0, images_per_class=0, size=self.size, steps=0)
        return TrainingResult(0, 0.0)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Not possible.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"{label} is not served: the generator has no class")

    def save(self, path: Path) -> None:
        """Write a weights file with the description alone."""
        save_weights(path, {}, self.description)

    def load(self, path: Path) -> None:
        """Compare the description in a file that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, not a weights file, or of another method, setting, size or
                class list.
        """
        load_weights(path, {}, self.description)
