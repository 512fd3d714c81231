"""Classical normalisers: each domain is described by a few numbers, and an image is recoloured from them.

The methods were published for one hand-picked target image. Here a domain is described by its training images, the
same number of every class, so that neither the choice of an image nor the class frequencies influence the colours.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import progress
from hemabalance.stain.method import NormalizerSettings
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData, Transformed, other_domain
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_tensors, save_tensors

F32 = NDArray[np.float32]
StainProfile = Mapping[str, F32]
"""The fitted description of one domain: float32 arrays by name."""

Measured = TypeVar("Measured")
Measure = Callable[[np.ndarray], Measured | None]

_IMAGES_PER_TASK = 8  # images passed to a thread at once


class ClassicalMethod(Protocol):
    """One classical method."""

    def describe(self, images: "BalancedSubset") -> StainProfile | None:
        """The common profile of the images, or None where all of them are degenerate."""

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """RGB uint8 (height, width, 3) in the stain of `target`, or None where the image is degenerate."""


class BalancedSubset:
    """The images that a domain is fitted on: the same number of every class; images of small classes are repeated."""

    def __init__(self, images: Images, max_images: int, job: FitJob) -> None:
        rng = np.random.default_rng(job.seed)
        classes, counts = np.unique(images.labels, return_counts=True)
        per_class = min(max(max_images // max(len(classes), 1), 1), int(counts.max(initial=0)))
        sampled = [np.resize(rng.permutation(np.flatnonzero(images.labels == name)), per_class) for name in classes]
        self.positions: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *sampled])
        self._pixels, self._threads = images.pixels, job.threads

    def __len__(self) -> int:
        """The number of images, repeated ones included."""
        return len(self.positions)

    def measure(self, function: Measure[Measured], *, what: str) -> list[Measured]:
        """`function` of every image of the subset, in order, without the images for which it returns None."""
        unique, inverse = np.unique(self.positions, return_inverse=True)
        images = (self._pixels[i] for i in unique)
        values = list(progress(_apply(function, images, self._threads), total=len(unique), what=what))
        return [value for i in inverse if (value := values[i]) is not None]


class ClassicalNormalizer:
    """A `Normalizer` based on a `ClassicalMethod`."""

    def __init__(self, method: ClassicalMethod, fit_images: int, description: Mapping[str, object]) -> None:
        self.method, self.fit_images, self.description = method, fit_images, description
        self.profiles: dict[Domain, StainProfile] = {}

    @property
    def parameters(self) -> int:
        """The number of fitted values, both domains together."""
        return sum(array.size for profile in self.profiles.values() for array in profile.values())

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Describe both domains.

        Raises:
            InputError: a domain has no image, or only degenerate ones.
        """
        start = time.monotonic()
        profiles: dict[Domain, StainProfile] = {}
        for domain in DOMAINS:
            images: Images = getattr(data, domain)
            if profiles and images is data.a:  # a reference alone is both domains
                profiles[domain] = profiles["a"]
                continue
            profile = self.method.describe(BalancedSubset(images, self.fit_images, job)) if len(images.pixels) else None
            if profile is None:
                problem = "none" if not len(images.pixels) else f"none of {len(images.pixels)}"
                raise InputError(
                    f"training images of domain {domain}",
                    f"{problem} shows enough stain to fit {self.description['method']} to",
                    "Check the images, or choose another method in config",
                )
            profiles[domain] = profile
        self.profiles = profiles
        write_empty_history(job.history)
        return TrainingResult(0, time.monotonic() - start)

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Recolour each image independently, on the number of threads that torch is set to."""
        source, target = self.profiles[other_domain(to)], self.profiles[to]
        pixels, passed_through = np.array(images), np.zeros(len(images), bool)
        recoloured = _apply(lambda image: self._recolour(image, source, target), images, torch.get_num_threads())
        for i, image in enumerate(recoloured):
            if image is None:
                passed_through[i] = True
            else:
                pixels[i] = image
        return Transformed(pixels, passed_through)

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Not available: the image's original statistics, for example its mean, are lost.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.description['method']} has no inverse")

    def save(self, path: Path) -> None:
        """Write the profiles of both domains."""
        tensors = {
            f"{d}.{name}": torch.from_numpy(x) for d, profile in self.profiles.items() for name, x in profile.items()
        }
        save_tensors(path, tensors, self.description)

    def load(self, path: Path) -> None:
        """Read the profiles of both domains."""
        tensors = load_tensors(path, self.description)
        self.profiles = {
            domain: {name[2:]: x.numpy() for name, x in tensors.items() if name.startswith(f"{domain}.")}
            for domain in DOMAINS
        }

    def _recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        values = image.reshape(-1)
        uniform = np.array_equal(values[3:], values[:-3])
        return None if uniform else self.method.recolour(image, source, target)


def description(method: str, settings: NormalizerSettings, size: int) -> dict[str, Any]:
    """The description in a normaliser's weights file: the method's name and settings, and the side of the images."""
    return {"method": method, "settings": settings.plain, "size": size}


def write_empty_history(path: Path) -> None:
    """Write the history of losses of a method without training: an empty file."""
    with atomic_path(path) as part:
        part.touch()


def _apply(
    function: Callable[[np.ndarray], Measured], images: Iterable[np.ndarray], threads: int
) -> Iterator[Measured]:
    groups = batched(images, _IMAGES_PER_TASK)
    for results in threaded_map(lambda group: [function(image) for image in group], groups, threads=threads):
        yield from results
