"""The interface of all stain normalisers: each maps images between the two stain domains of a pair of sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult

Domain = Literal["a", "b"]
DOMAINS: tuple[Domain, Domain] = ("a", "b")
Pair = Mapping[Domain, str]
"""The sources of both domains: `a` is the reference, `b` another source."""


def other_domain(domain: Domain) -> Domain:
    """The other one of the two domains."""
    return "b" if domain == "a" else "a"


@dataclass(frozen=True)
class Transformed:
    """The result of `Normalizer.transform`.

    Attributes:
        pixels: RGB uint8, of the shape of the input.
        passed_through: bool (n,), True where an image is degenerate (for example blank) and is returned unchanged.
    """

    pixels: np.ndarray
    passed_through: np.ndarray


class Teacher(Protocol):
    """A fitted normaliser that another one learns to imitate."""

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images of the other domain to the stain of `to`; RGB uint8 (n, height, width, 3), n may be 0."""


@dataclass(frozen=True)
class StainData:
    """The data that a normaliser is fitted on.

    Attributes:
        a, b: the training images of each domain.
        pairs: the same cells in stain a and in stain b, RGB uint8 (n, height, width, 3) each; None if not available.
        teacher: fitted on the same pair of sources; None for methods that need none.
    """

    a: Images
    b: Images
    pairs: tuple[np.ndarray, np.ndarray] | None
    teacher: Teacher | None = None


class Normalizer(Protocol):
    """A normaliser of one method, fitted or not."""

    @property
    def parameters(self) -> int:
        """The number of values that `fit` determines."""

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Fit on both domains, and write the history of losses (`job.history`).

        Raises:
            InputError: the data is not usable (no pairs, no teacher, too few images), or the disk is full.
        """

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images of the other domain to the stain of `to`; RGB uint8 (n, height, width, 3), n may be 0."""

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images of `to` that `transform` has mapped to the other stain back to `to`.

        Raises:
            TypeError: the method has no inverse (`invertible` is False in its traits).
        """

    def save(self, path: Path) -> None:
        """Write the fitted values, atomically."""

    def load(self, path: Path) -> None:
        """Read a file that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, no weights of hemabalance, or of another method, setting or
                size.
        """
