"""What few-shot methods learn from: a task is a class, its images real ones and such as another generator made."""

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.roles import Classes
from hemabalance.training.batches import ImagePool
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.device import Runtime
from hemabalance.training.job import Images

FEWEST = 2


class Tasks:
    """Random images of a class. It keeps no random state: what is drawn follows from the generator it is given.

    Args:
        data: `held_back` is not looked at.
        classes: those trained on need a real image each, those served two.
        size: side of an image that the networks were built for, in pixels.
        runtime: whose device the images go to.
        budget: bytes that the images may take on the device; else they are read as needed.

    Raises:
        InputError: a class with too few images, or images of another size.
    """

    def __init__(self, data: SynthesisData, classes: Classes, size: int, runtime: Runtime, budget: int) -> None:
        for what, images in (("real images", data.real), ("images of the teacher", data.taught)):
            require_size(what, images.pixels, size)
        self._real, self._taught = _places(data.real), _places(data.taught)
        for label in classes.trained:
            if self._count(label) == 0:
                problem = "is to be learned from, but has no real training image"
                remedy = "Take it out of synthesis.roles.rich, or give the archives images of it"
                raise InputError(f"class {label}", problem, remedy)
        for label in classes.served:
            if (have := self._count(label)) < FEWEST:
                problem = f"has {have} real training image{'' if have == 1 else 's'}, and few-shot needs at least 2"
                remedy = "Take it out of synthesis.roles.rare, or give the archives images of it"
                raise InputError(f"class {label}", problem, remedy)
        self._device = runtime.device
        self._real_pool = ImagePool(data.real.pixels, runtime, budget)
        left = budget - data.real.pixels.nbytes if self._real_pool.resident else budget
        self._taught_pool = ImagePool(data.taught.pixels, runtime, left)
        self.fingerprint = fingerprint(data.real.labels, data.real.pixels, data.taught.labels, data.taught.pixels)

    def sample_task_images(self, label: str, count: int, taught_share: float, rng: torch.Generator) -> Tensor:
        """Images of a class to learn to learn from, none of them twice.

        Args:
            label: the class.
            count: images; where there are fewer real ones, so many fewer.
            taught_share: of them, by the teacher, rounded, as far as it made any of the class.
            rng: on the device.

        Returns:
            float32 (n, 3, size, size) in [-1, 1] on the device.
        """
        taught = self._taught.get(label, torch.empty(0, dtype=torch.int64))
        drawn = taught[self._some(len(taught), round(count * taught_share), rng)]
        real = self.real(label, count - len(drawn), rng)
        return torch.cat((real, self._taught_pool.take(drawn))) if len(drawn) else real

    def real(self, label: str, count: int, rng: torch.Generator) -> Tensor:
        """Real images of a class, as `sample_task_images`."""
        places = self._real[label]
        return self._real_pool.take(places[self._some(len(places), count, rng)])

    def first_real(self, label: str, most: int) -> Tensor:
        """The first real images of a class in the order of the data, at most so many; as `sample_task_images`."""
        return self._real_pool.take(self._real[label][:most])

    def _count(self, label: str) -> int:
        return len(self._real.get(label, ()))

    def _some(self, n: int, count: int, rng: torch.Generator) -> Tensor:
        return torch.randperm(n, generator=rng, device=self._device)[:count].cpu()


def _places(images: Images) -> dict[str, Tensor]:
    labels = images.labels.astype(str)
    return {str(label): torch.from_numpy(np.flatnonzero(labels == label)) for label in np.unique(labels)}
