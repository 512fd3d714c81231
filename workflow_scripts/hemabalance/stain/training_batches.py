"""The training images of the translators, a batch of each domain at a time."""

import logging
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.stain.normalizer import StainData
from hemabalance.stain.settings import TranslatorSettings
from hemabalance.taxonomy import SOURCE_OF
from hemabalance.training.batches import BalancedSampler, EpochSampler, ImagePool, Sampler, augment_dihedral
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.job import FitJob, Images

log = logging.getLogger(__name__)

SOURCES = {domain: f"domain {domain} (source {source})" for domain, source in SOURCE_OF.items()}


class DomainBatches(Protocol):
    """Batches of both domains, and what must be kept to go on with the same ones."""

    @property
    def size(self) -> int:
        """Side of an image, in pixels."""
        ...

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        """Orders in which images come."""

    @property
    def generators(self) -> Mapping[str, torch.Generator]:
        """Random number generators."""

    @property
    def fingerprint(self) -> str:
        """Tells one set of training images from another."""
        ...

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batches of a and b, float32 (batch, 3, size, size) in [-1, 1] on the device."""
        ...


class UnpairedBatches:
    """Batches of a and of b that have nothing to do with each other, but the same classes alike often.

    Only classes with images in both domains are drawn, each as often as any other (method.md, §3): where class mixes
    differ, a translator would learn to turn one kind of cell into another.

    Args:
        data: training images.
        settings: batch, poses, memory.
        size: side of an image that the networks were built for, in pixels.
        job: runtime and seed.

    Raises:
        InputError: a domain without images, no class in both, images of another size, a batch larger than the data.
    """

    def __init__(self, data: StainData, settings: TranslatorSettings, size: int, job: FitJob) -> None:
        domains = {"a": data.a, "b": data.b}
        shared = _shared_classes(domains)
        self.size, memory = size, settings.memory_budget
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        self.samplers: dict[str, Sampler] = {}
        self._pools, self._positions = {}, {}
        for k, (name, images) in enumerate(domains.items()):
            require_size(SOURCES[name], images.pixels, size)
            kept = np.flatnonzero(np.isin(images.labels, shared))
            self._positions[name] = torch.from_numpy(kept)
            labels = images.labels[kept].tolist()
            self.samplers[name] = BalancedSampler(labels, settings.batch, job.seed + k, job.runtime.rank)
            self._pools[name] = ImagePool(images.pixels, job.runtime, memory)
            memory -= images.pixels.nbytes if self._pools[name].resident else 0
        self.fingerprint = fingerprint(data.a.labels, data.a.pixels, data.b.labels, data.b.pixels)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batches of a and b, float32 (batch, 3, size, size) in [-1, 1] on the device."""
        return self._draw("a"), self._draw("b")

    def _draw(self, name: str) -> Tensor:
        images = self._pools[name].take(self._positions[name][self.samplers[name].next_batch()])
        return augment_dihedral(images, self.generators["poses"]) if self.generators else images


class PairedBatches:
    """Batches of the same cells in both looks, each pair once before any comes again.

    Args and errors as `UnpairedBatches`; an `InputError` too where the data has no pairs.
    """

    def __init__(self, data: StainData, settings: TranslatorSettings, size: int, job: FitJob) -> None:
        if data.pairs is None or not len(data.pairs[0]):
            raise InputError(
                "a stain method that learns from pairs",
                "needs the same cells in both stains, and this data has none",
                "Give it rendered pairs of the phantom, or take its entry out of stain.normalizers",
            )
        a, b = data.pairs
        if len(a) != len(b):
            problem = f"{len(a)} images in look a and {len(b)} in look b cannot be pairs"
            raise InputError("pairs of images", problem, "Give one image in each look for each cell")
        for look, images in (("a", a), ("b", b)):
            require_size(f"pairs, look {look}", images, size)
        self.generators = {"poses": job.runtime.generator("poses")} if settings.augment else {}
        self.size, self._sampler = size, EpochSampler(len(a), settings.batch, job.seed, job.runtime.rank)
        self.samplers: dict[str, Sampler] = {"pairs": self._sampler}
        self._pools = [ImagePool(images, job.runtime, settings.memory_budget // 2) for images in (a, b)]
        self.fingerprint = fingerprint(a, b)

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next pairs: looks a and b, float32 (batch, 3, size, size) in [-1, 1] on the device, in the same pose."""
        indices = self._sampler.next_batch()
        a, b = (pool.take(indices) for pool in self._pools)
        if self.generators:
            a, b = augment_dihedral(torch.cat((a, b), dim=1), self.generators["poses"]).chunk(2, dim=1)
        return a, b


def _shared_classes(domains: Mapping[str, Images]) -> list[str]:
    found = {name: set(images.labels.tolist()) for name, images in domains.items()}
    for name, classes in found.items():
        if not classes:
            problem = "there is no training image"
            raise InputError(SOURCES[name], problem, "Check this source's archive, its exclusions and the split")
    shared = found["a"] & found["b"]
    if not shared:
        held = "; ".join(f"{SOURCES[name]} has {', '.join(sorted(classes))}" for name, classes in found.items())
        problem = f"no class has training images in both domains: {held}"
        raise InputError("stain normalisation", problem, "Give both sources images of at least one same class")
    if lone := sorted(found["a"] ^ found["b"]):
        log.info("Left out of training, with images in one domain only: %s", ", ".join(lone))
    return sorted(shared)
