"""Batches of real training images with their classes, for a network that learns all of its classes together."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.synthesis.flow_settings import Draws
from hemabalance.synthesis.roles import Classes
from hemabalance.training.batches import BalancedSampler, ImagePool, Sampler, augment_dihedral, batch_within
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.job import FitJob, Images

_POWER: dict[Draws, float] = {"balanced": 0.0, "root": 0.5, "natural": 1.0}


class BatchSettings(Protocol):
    """The settings of a method that decide about its batches."""

    @property
    def batch(self) -> int:
        """Images of a batch."""

    @property
    def augment(self) -> bool:
        """Whether each image is presented in a random one of its eight poses."""

    @property
    def memory_budget(self) -> int:
        """Bytes that the images may occupy on the device."""


class ClassBatches:
    """Batches of real images of the trained classes; `spare` bytes of the memory budget remain unused.

    With fewer images than a batch, a batch has as many as there are images.

    Args:
        images: images of one size; other classes than the trained ones are ignored.
        classes: trained classes are sampled; the index of a class among them is its target.
        settings: batch size, augmentation, memory budget.
        size: side of the images that the networks were built for, in pixels.
        job: runtime and seed.
        draws: how often a class is drawn: `balanced`, all classes alike; `root`, in proportion to the square root of
            its number of images; `natural`, in proportion to this number.

    Raises:
        InputError: a class has no image, or the images have another size.
    """

    def __init__(
        self,
        images: Images,
        classes: Classes,
        settings: BatchSettings,
        size: int,
        job: FitJob,
        *,
        draws: Draws = "balanced",
    ) -> None:
        require_size("real images", images.pixels, size)
        for name in classes.trained:
            if not (images.labels == name).any():
                raise InputError(
                    f"class {name}",
                    "is to be trained on, but has no real training image",
                    "Take it out of synthesis.roles.rich, or give the archives images of it",
                )
        self.classes, self.class_index, self.size = classes.trained, classes.index, size
        kept = np.flatnonzero(np.isin(images.labels, self.classes))
        labels = images.labels[kept].tolist()
        self._positions = torch.from_numpy(kept)
        self._targets = torch.tensor([self.classes.index(label) for label in labels])
        self._pool = ImagePool(images.pixels, job.runtime, settings.memory_budget)
        self.spare = settings.memory_budget - (images.pixels.nbytes if self._pool.resident else 0)
        self._device = job.runtime.device
        batch = batch_within(settings.batch, len(labels))
        self.sampler: Sampler = BalancedSampler(labels, batch, job.seed, job.runtime.rank, power=_POWER[draws])
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        self.fingerprint = fingerprint(images.labels, images.pixels)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Next batch on the device: images float32 (batch, 3, size, size) in [-1, 1], targets int64 (batch,)."""
        selected = self.sampler.next_batch()
        images = self._pool.take(self._positions[selected])
        if self.generators:
            images = augment_dihedral(images, self.generators["poses"])
        return images, self._targets[selected].to(self._device)
