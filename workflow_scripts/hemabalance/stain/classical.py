"""What the methods share that describe each domain by a few numbers and recolour an image from them.

They were published for one hand-picked target image. Here a domain is described by its training images, the same
number of every class, so that neither the choice of an image nor the mix of classes moves the colours.
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
"""What was fitted to one domain: float32 arrays by name."""

Measured = TypeVar("Measured")
Measure = Callable[[np.ndarray], Measured | None]

_TOGETHER = 8  # images handed to a thread at once


class ClassicalMethod(Protocol):
    """One classical method."""

    def describe(self, images: "BalancedSubset") -> StainProfile | None:
        """What the images have in common, or None where every one of them is degenerate."""

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """RGB uint8 (height, width, 3) in the profile of `target`, or None where the image is degenerate."""


class BalancedSubset:
    """The images that a domain is fitted on: as many of every class, a small class's images several times."""

    def __init__(self, images: Images, most: int, job: FitJob) -> None:
        rng = np.random.default_rng(job.seed)
        classes, counts = np.unique(images.labels, return_counts=True)
        each = min(max(most // max(len(classes), 1), 1), int(counts.max(initial=0)))
        drawn = [np.resize(rng.permutation(np.flatnonzero(images.labels == name)), each) for name in classes]
        self.positions: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *drawn])
        self._pixels, self._threads = images.pixels, job.threads

    def __len__(self) -> int:
        """How many images, repeated ones counted."""
        return len(self.positions)

    def measure(self, function: Measure[Measured], *, what: str) -> list[Measured]:
        """`function` of every image of the sample, in order, those left out of which it makes None."""
        unique, back = np.unique(self.positions, return_inverse=True)
        images = (self._pixels[i] for i in unique)
        made = list(progress(_each(function, images, self._threads), total=len(unique), what=what))
        return [found for i in back if (found := made[i]) is not None]


class ClassicalNormalizer:
    """A `Normalizer` from a `ClassicalMethod`."""

    def __init__(self, method: ClassicalMethod, fit_images: int, description: Mapping[str, object]) -> None:
        self.method, self.fit_images, self.description = method, fit_images, description
        self.profiles: dict[Domain, StainProfile] = {}

    @property
    def parameters(self) -> int:
        """How many numbers were fitted, both domains together."""
        return sum(array.size for profile in self.profiles.values() for array in profile.values())

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Describe both domains.

        Raises:
            InputError: a domain has no image, or degenerate ones alone.
        """
        start = time.monotonic()
        profiles = {}
        for domain, images in (("a", data.a), ("b", data.b)):
            profile = self.method.describe(BalancedSubset(images, self.fit_images, job)) if len(images.pixels) else None
            if profile is None:
                problem = "none" if not len(images.pixels) else f"none of {len(images.pixels)}"
                raise InputError(
                    f"training images of domain {domain}",
                    f"{problem} shows enough stain to fit {self.description['method']} to",
                    "Look at the images, or choose another method in config",
                )
            profiles[domain] = profile
        self.profiles = {domain: profiles[domain] for domain in DOMAINS}
        leave_empty_history(job.history)
        return TrainingResult(0, time.monotonic() - start)

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Recolour each image by itself, on as many threads as torch was given."""
        source, target = self.profiles[other_domain(to)], self.profiles[to]
        pixels, passed = np.array(images), np.zeros(len(images), bool)
        made = _each(lambda image: self._recoloured(image, source, target), images, torch.get_num_threads())
        for i, image in enumerate(made):
            if image is None:
                passed[i] = True
            else:
                pixels[i] = image
        return Transformed(pixels, passed)

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """There is none: what an image had of its own, its mean say, is gone.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.description['method']} has no inverse")

    def save(self, path: Path) -> None:
        """Write both profiles."""
        tensors = {
            f"{d}.{name}": torch.from_numpy(x) for d, profile in self.profiles.items() for name, x in profile.items()
        }
        save_tensors(path, tensors, self.description)

    def load(self, path: Path) -> None:
        """Read both profiles."""
        tensors = load_tensors(path, self.description)
        self.profiles = {
            domain: {name[2:]: x.numpy() for name, x in tensors.items() if name.startswith(f"{domain}.")}
            for domain in DOMAINS
        }

    def _recoloured(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        one_colour = bool((image == image[0, 0]).all())
        return None if one_colour else self.method.recolour(image, source, target)


def description(method: str, settings: NormalizerSettings, size: int) -> dict[str, Any]:
    """What weights record of the method that found them: its name, its settings, and the side of the images."""
    return {"method": method, "settings": settings.plain, "size": size}


def leave_empty_history(path: Path) -> None:
    """Nothing was trained, and the file that says how is empty."""
    with atomic_path(path) as part:
        part.touch()


def _each(function: Callable[[np.ndarray], Measured], images: Iterable[np.ndarray], threads: int) -> Iterator[Measured]:
    groups = batched(images, _TOGETHER)
    for made in threaded_map(lambda group: [function(image) for image in group], groups, threads=threads):
        yield from made
