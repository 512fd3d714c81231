"""Sample images from a trained generator."""

from os import PathLike
from pathlib import Path

import numpy as np

from hemabalance.api.options import require_at_least
from hemabalance.api.runtime import inference_runtime, threads_or_default
from hemabalance.api.weights import weights_in
from hemabalance.errors import InputError
from hemabalance.synthesis import generator as stage
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime


class Generator:
    """A trained generator of single-cell images; `load` opens it.

    ```
    generator = Generator.load("results/full/leak_free/synthesis/wcyclegan_gp/c_wgan_gp")
    images = generator.sample(generator.classes[0], 16, seed=1)  # uint8 (16, 64, 64, 3)
    ```

    Its images are candidates: in the workflow a gate drops those that are unlike their class or copies of real ones.

    Args:
        generator: opened generator.
        runtime: its device.
        path: its weights file, for messages.
    """

    def __init__(self, generator: stage.Generator, runtime: Runtime, path: Path) -> None:
        self._generator, self._runtime, self._path = generator, runtime, path

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str = "cpu", threads: int | None = None) -> "Generator":
        """Open the generator of a run.

        Args:
            folder: `results/<run>/<protocol>/synthesis/<normalizer>/<generator>`, or its `weights.safetensors`.
            device: `cpu` or `cuda`.
            threads: CPU threads of PyTorch in the whole process; None: unchanged.

        Raises:
            InputError: there are no weights, they are damaged, of no generator or of another version, no class had
                the role of this generator, or the device is missing or `threads` under 1.
        """
        weights = weights_in(folder)
        with inference_runtime(device, threads_or_default(threads)) as runtime:
            generator = open_by_description(weights, runtime)
        if not generator.classes.served:
            problem = "generates no class: in its run, no class had the number of images that it serves"
            raise InputError(weights, problem, "Use another generator, or change synthesis.roles and run again")
        return cls(generator, runtime, weights)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of which images can be sampled, in alphabetical order."""
        return self._generator.classes.served

    @property
    def path(self) -> Path:
        """The file of its weights."""
        return self._path

    @property
    def size(self) -> int:
        """Side of the square images in pixels."""
        return self._generator.size

    def sample(self, label: str, count: int, *, seed: int = 0, start: int = 0) -> np.ndarray:
        """Sample images of a class.

        An image depends on the weights, `seed` and its index alone: the images `start` to `start + count - 1` of a
        seed are the same however many are sampled at once, byte for byte on one machine. They are the images of the
        workflow's image sets with the seed of its config and the index in their `provenance`.

        Args:
            label: one of `classes`.
            count: number of images, 0 or more.
            seed: 0 or more.
            start: index of the first image, from 0 to 2**31 - 1.

        Returns:
            RGB uint8 (count, size, size, 3).

        Raises:
            InputError: the class is not served, or a number is out of range.
        """
        require_at_least(0, count=count, seed=seed, start=start)
        indices = range(start, start + count)
        return sample(self._generator, label, indices, seed=seed, device=self._runtime.device)

    def __repr__(self) -> str:
        return f"Generator({str(self._path)!r}: {', '.join(self.classes)})"
