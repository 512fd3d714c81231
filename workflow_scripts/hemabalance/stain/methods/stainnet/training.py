"""The training of StainNet (arXiv:2012.12535): its networks learn from images that a teacher has mapped once before."""

from collections.abc import Mapping
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from hemabalance.errors import InputError
from hemabalance.networks.layers import he_std, initialise
from hemabalance.progress import progress
from hemabalance.stain.classical import BalancedSubset
from hemabalance.stain.methods.stainnet import StainNetSettings
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData, Teacher, other_domain
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import EpochSampler, ImagePool, Sampler, batch_within
from hemabalance.training.data_checks import fingerprint, require_size
from hemabalance.training.job import FitJob, Images
from hemabalance.training.losses import mean_difference

_TAUGHT = 32
"""Images that a teacher maps at once."""


class ImitatedImages:
    """Training images of each direction, and the images that a teacher makes of them.

    Args:
        data: training images and teacher.
        settings: of the method.
        size: side of the images, in pixels.
        job: runtime and seed.

    Raises:
        InputError: there is no teacher, a domain has no image or only images that the teacher passes through, or
            images of another size.
    """

    def __init__(self, data: StainData, settings: StainNetSettings, size: int, job: FitJob) -> None:
        if data.teacher is None:
            problem = "learns to imitate another normaliser, and there is no teacher"
            raise InputError("method stainnet", problem, "Set `teacher` of its entry in stain.normalizers")
        self.samplers: dict[str, Sampler] = {}
        self._positions, self._pools, mapped = {}, {}, []
        memory = settings.memory_budget
        for domain, images in zip(DOMAINS, (data.b, data.a), strict=True):
            sources, targets, self._positions[domain] = _taught(images, data.teacher, domain, settings, size, job)
            n = len(self._positions[domain])
            self.samplers[f"to_{domain}"] = EpochSampler(n, batch_within(settings.batch, n), job.seed, job.runtime.rank)
            self._pools[domain] = [ImagePool(pixels, job.runtime, memory // 4) for pixels in (sources, targets)]
            mapped += [sources, targets]
        self.fingerprint = fingerprint(*mapped)

    def next_batch(self, domain: Domain) -> tuple[Tensor, Tensor]:
        """The next images to map to `domain`, and the teacher's: float32 (batch, size, size, 3) in [-1, 1]."""
        indices = self._positions[domain][self.samplers[f"to_{domain}"].next_batch()]
        sources, targets = (pool.take(indices).permute(0, 2, 3, 1) for pool in self._pools[domain])
        return sources.contiguous(), targets


def _taught(
    images: Images, teacher: Teacher, to: Domain, settings: StainNetSettings, size: int, job: FitJob
) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Distinct images, the teacher's images of them, and the position of each training image among them."""
    source = f"training images of domain {other_domain(to)}"
    if not len(images.pixels):
        raise InputError(source, "there are none", "Give images of both domains")
    require_size(source, images.pixels, size)
    unique, positions = np.unique(BalancedSubset(images, settings.fit_images, job).positions, return_inverse=True)
    sources = np.asarray(images.pixels[unique])
    batches = np.split(sources, range(_TAUGHT, len(sources), _TAUGHT))
    results = [
        teacher.transform(batch, to=to)
        for batch in progress(batches, total=len(batches), what=f"teacher's images in stain {to}")
    ]
    usable = ~np.concatenate([result.passed_through for result in results])
    if not usable.any():
        problem = f"the teacher maps none of {len(usable)} images to domain {to}"
        raise InputError(source, problem, "Check the images, or choose another teacher in config")
    # Images that the teacher passes through unchanged, because they are blank, teach nothing about colours.
    order = np.cumsum(usable) - 1
    targets = np.concatenate([result.pixels for result in results])[usable]
    return sources[usable], targets, torch.from_numpy(order[positions[usable[positions]]])


class StainNetTraining:
    """A `Trainable` of both networks. Losses: l1_a and l1_b, the mean absolute differences to the teacher's images.

    Args:
        networks: `to_a` and `to_b`; they are initialised here.
        settings: of the method.
        images: of both directions.
        job: runtime and seed.
    """

    def __init__(
        self, networks: Mapping[str, nn.Module], settings: StainNetSettings, images: ImitatedImages, job: FitJob
    ) -> None:
        self.runtime, self.images = job.runtime, images
        generator = torch.Generator().manual_seed(job.seed)
        self.networks: dict[str, nn.Module] = {}
        for name, network in networks.items():
            initialise(network, generator, he_std)
            self.networks[name] = self.runtime.setup(network)
        parameters = chain.from_iterable(network.parameters() for network in self.networks.values())
        self.optimizers: dict[str, Optimizer] = {"networks": SGD(parameters, lr=settings.lr)}
        self.schedulers: dict[str, LRScheduler] = {
            "networks": CosineAnnealingLR(self.optimizers["networks"], settings.steps)
        }
        self.averages: dict[str, ExponentialAverage] = {}
        self.samplers = images.samplers
        self.generators: dict[str, torch.Generator] = {}

    def step(self) -> Mapping[str, Tensor]:
        """One update of both networks; the losses by name, detached, 0-dim."""
        losses = {}
        for domain in DOMAINS:
            sources, targets = self.images.next_batch(domain)
            losses[f"l1_{domain}"] = mean_difference(targets, self.networks[f"to_{domain}"](sources))
        networks = list(self.networks.values())
        self.runtime.minimise(losses["l1_a"] + losses["l1_b"], self.optimizers["networks"], networks, "networks")
        self.schedulers["networks"].step()
        return {name: loss.detach() for name, loss in losses.items()}
