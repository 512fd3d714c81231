"""Tasks of the few-shot methods: a task is a class, its images are real or sampled by a teacher."""

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

MIN_SERVED_IMAGES = 2
"""Real training images that a served class needs."""


class Tasks:
    """Random images of a class. No random state is kept: the result follows from the generator passed in.

    Args:
        data: training images; `held_back` is not used.
        classes: each trained class needs a real image, each served class two.
        size: side of the images that the networks were built for, in pixels.
        runtime: provides the device of the images.
        budget: bytes that the images may take on the device; images beyond it are copied when needed.

    Raises:
        InputError: a class has too few images, or images have another size.
    """

    def __init__(self, data: SynthesisData, classes: Classes, size: int, runtime: Runtime, budget: int) -> None:
        for what, images in (("real images", data.real), ("images of the teacher", data.teacher_images)):
            require_size(what, images.pixels, size)
        self._real, self._teacher = _places(data.real), _places(data.teacher_images)
        for label in classes.trained:
            if self._count(label) == 0:
                problem = "is to be learned from, but has no real training image"
                remedy = "Take it out of synthesis.roles.rich, or give the archives images of it"
                raise InputError(f"class {label}", problem, remedy)
        for label in classes.served:
            if (count := self._count(label)) < MIN_SERVED_IMAGES:
                problem = f"has {count} real training image{'' if count == 1 else 's'}, and few-shot needs at least 2"
                remedy = "Take it out of synthesis.roles.rare, or give the archives images of it"
                raise InputError(f"class {label}", problem, remedy)
        self._device = runtime.device
        self._real_pool = ImagePool(data.real.pixels, runtime, budget)
        remaining = budget - data.real.pixels.nbytes if self._real_pool.resident else budget
        self._teacher_pool = ImagePool(data.teacher_images.pixels, runtime, remaining)
        self.fingerprint = fingerprint(
            data.real.labels, data.real.pixels, data.teacher_images.labels, data.teacher_images.pixels
        )

    def sample_task_images(self, label: str, count: int, teacher_share: float, rng: torch.Generator) -> Tensor:
        """Random distinct images of a class for a meta-training episode.

        Args:
            label: the class.
            count: number of images; fewer are returned if there are too few real images.
            teacher_share: share of teacher images, rounded; limited by the teacher images of the class.
            rng: random generator on the device.

        Returns:
            float32 (n, 3, size, size) in [-1, 1] on the device.
        """
        teacher = self._teacher.get(label, torch.empty(0, dtype=torch.int64))
        chosen = teacher[self._random_places(len(teacher), round(count * teacher_share), rng)]
        real = self.real(label, count - len(chosen), rng)
        return torch.cat((real, self._teacher_pool.take(chosen))) if len(chosen) else real

    def real(self, label: str, count: int, rng: torch.Generator) -> Tensor:
        """Random distinct real images of a class; format as in `sample_task_images`."""
        places = self._real[label]
        return self._real_pool.take(places[self._random_places(len(places), count, rng)])

    def first_real(self, label: str, max_images: int) -> Tensor:
        """At most `max_images` real images of a class in the order of the data; format as in `sample_task_images`."""
        return self._real_pool.take(self._real[label][:max_images])

    def _count(self, label: str) -> int:
        return len(self._real.get(label, ()))

    def _random_places(self, n: int, count: int, rng: torch.Generator) -> Tensor:
        return torch.randperm(n, generator=rng, device=self._device)[:count].cpu()


def _places(images: Images) -> dict[str, Tensor]:
    labels = images.labels.astype(str)
    return {str(label): torch.from_numpy(np.flatnonzero(labels == label)) for label in np.unique(labels)}
