"""What every stain normaliser takes and gives: domain "a" is source mendeley, "b" is source tcia."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import TrainingResult

Domain = Literal["a", "b"]
DOMAINS: tuple[Domain, Domain] = ("a", "b")


def other_domain(domain: Domain) -> Domain:
    """The domain that `domain` is not."""
    return "b" if domain == "a" else "a"


@dataclass(frozen=True)
class StainData:
    """What a normaliser is fitted on.

    Attributes:
        a, b: the training images of each domain.
        pairs: the same cells in look a and in look b, RGB uint8 (n, height, width, 3) each; None where there are none.
    """

    a: Images
    b: Images
    pairs: tuple[np.ndarray, np.ndarray] | None


@dataclass(frozen=True)
class Transformed:
    """What a normaliser made.

    Attributes:
        pixels: RGB uint8, the shape that was given.
        passed_through: bool (n,), True where an image was degenerate (blank, say) and is returned unchanged.
    """

    pixels: np.ndarray
    passed_through: np.ndarray


class Normalizer(Protocol):
    """One method, fitted or not."""

    @property
    def parameters(self) -> int:
        """How many numbers fitting finds."""

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Fit on both domains.

        Raises:
            InputError: the data cannot serve (no pairs, too few images), or the disk is full.
        """

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Images of the other domain brought to the look of `to`; RGB uint8 (n, height, width, 3), n may be 0."""

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """What `transform` made of images of `to`, brought back to `to`.

        Raises:
            TypeError: the method has no inverse (its traits say so).
        """

    def save(self, path: Path) -> None:
        """Write what was fitted, atomically."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, foreign, or of another method, setting or size.
        """
