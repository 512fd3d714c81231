"""Batches of training images of both domains for the training of translators."""

import logging
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.stain.normalizer import StainData
from hemabalance.stain.settings import TranslatorSettings
from hemabalance.training.batches import (
    BalancedSampler,
    EpochSampler,
    ImagePool,
    Sampler,
    augment_dihedral,
    batch_within,
)
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.job import FitJob, Images

log = logging.getLogger(__name__)


class DomainBatches(Protocol):
    """Batches of both domains, and the state that checkpoints save to continue with the same batches."""

    @property
    def size(self) -> int:
        """Side of an image, in pixels."""
        ...

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        """Samplers of the training images."""

    @property
    def generators(self) -> Mapping[str, torch.Generator]:
        """Random number generators."""

    @property
    def fingerprint(self) -> str:
        """Digest of the training images (`data_checks.fingerprint`)."""
        ...

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batches of a and b, float32 (batch, 3, size, size) in [-1, 1] on the device."""
        ...


class UnpairedBatches:
    """Independent batches of both domains with the same class frequencies.

    Only classes with images in both domains are sampled, all equally often: with different class frequencies a
    translator would learn to turn one kind of cell into another.

    Args:
        data: training images.
        settings: batch size, augmentation and memory budget.
        size: side of the images that the networks were built for, in pixels.
        job: runtime and seed.

    Raises:
        InputError: a domain without images, no class in both, images of another size.
    """

    def __init__(self, data: StainData, settings: TranslatorSettings, size: int, job: FitJob) -> None:
        domains = {"a": data.a, "b": data.b}
        shared = _shared_classes(domains)
        self.size, memory = size, settings.memory_budget
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        self.samplers: dict[str, Sampler] = {}
        self._pools, self._positions = {}, {}
        places = {name: np.flatnonzero(np.isin(images.labels, shared)) for name, images in domains.items()}
        # One size for both domains, whose batches are combined.
        batch = batch_within(settings.batch, min(map(len, places.values())))
        for k, (name, images) in enumerate(domains.items()):
            require_size(f"domain {name}", images.pixels, size)
            positions = places[name]
            self._positions[name] = torch.from_numpy(positions)
            labels = images.labels[positions].tolist()
            self.samplers[name] = BalancedSampler(labels, batch, job.seed + k, job.runtime.rank)
            self._pools[name] = ImagePool(images.pixels, job.runtime, memory)
            memory -= images.pixels.nbytes if self._pools[name].resident else 0
        self.fingerprint = fingerprint(data.a.labels, data.a.pixels, data.b.labels, data.b.pixels)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batches of a and b, float32 (batch, 3, size, size) in [-1, 1] on the device."""
        return self._domain_batch("a"), self._domain_batch("b")

    def _domain_batch(self, name: str) -> Tensor:
        images = self._pools[name].take(self._positions[name][self.samplers[name].next_batch()])
        return augment_dihedral(images, self.generators["poses"]) if self.generators else images


class PairedBatches:
    """Batches of the same cells in both stains, in shuffled passes over all pairs.

    Args and errors as `UnpairedBatches`; also an `InputError` if the data has no pairs.
    """

    def __init__(self, data: StainData, settings: TranslatorSettings, size: int, job: FitJob) -> None:
        if data.pairs is None or not len(data.pairs[0]):
            raise InputError(
                "a paired stain method",
                "needs the same cells in both stains, and this data has no such pairs",
                "Use rendered pairs of the phantom, or remove its entry from stain.normalizers",
            )
        a, b = data.pairs
        if len(a) != len(b):
            problem = f"{len(a)} images in stain a and {len(b)} in stain b cannot be pairs"
            raise InputError("pairs of images", problem, "Provide one image in each stain for each cell")
        for domain, images in (("a", a), ("b", b)):
            require_size(f"pairs, stain {domain}", images, size)
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        batch = batch_within(settings.batch, len(a))
        self.size, self._sampler = size, EpochSampler(len(a), batch, job.seed, job.runtime.rank)
        self.samplers: dict[str, Sampler] = {"pairs": self._sampler}
        self._pools = [ImagePool(images, job.runtime, settings.memory_budget // 2) for images in (a, b)]
        self.fingerprint = fingerprint(a, b)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next pairs, each in one pose, as batches like those of `UnpairedBatches`."""
        indices = self._sampler.next_batch()
        a, b = (pool.take(indices) for pool in self._pools)
        if self.generators:
            a, b = augment_dihedral(torch.cat((a, b), dim=1), self.generators["poses"]).chunk(2, dim=1)
        return a, b


def _shared_classes(domains: Mapping[str, Images]) -> list[str]:
    classes_by_domain = {name: set(images.labels.tolist()) for name, images in domains.items()}
    for name, classes in classes_by_domain.items():
        if not classes:
            problem = "there is no training image"
            raise InputError(f"domain {name}", problem, "Give images of both domains")
    shared = classes_by_domain["a"] & classes_by_domain["b"]
    if not shared:
        listed = "; ".join(f"domain {name} has {', '.join(sorted(c))}" for name, c in classes_by_domain.items())
        problem = f"no class has training images in both domains: {listed}"
        raise InputError("stain normalisation", problem, "Add images of at least one common class to both sources")
    if unshared := sorted(classes_by_domain["a"] ^ classes_by_domain["b"]):
        log.info("Not used for training, as only one domain has images of them: %s", ", ".join(unshared))
    return sorted(shared)
