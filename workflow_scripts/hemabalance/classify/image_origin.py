"""The source of its training images that a model takes a photograph for; it decides about frame and normalisation.

Each photograph is taken by itself, although a folder usually comes from one laboratory: a wrong choice then concerns
one image and is visible in its row, the result does not depend on which other images are given, and a folder may be
mixed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from hemabalance.classify.model_schema import Frame, SourceColours, Stain
from hemabalance.classify.source_colours import colour_distances, colour_numbers
from hemabalance.dataset.geometry import fit_square

UNKNOWN = ""
"""In place of a source, for models that do not hold the colours of their training images."""

Normalise = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""RGB uint8 (n, s, s, 3) to normalised images of the same shape, and bool (n,): which were returned unchanged."""


@dataclass(frozen=True)
class Square:
    """A photograph made square, and the source that it is taken for.

    Attributes:
        pixels: RGB uint8 (s, s, 3), not normalised.
        source: a source of the model, or UNKNOWN.
        distance: colour distance to this source, see `source_colours`; NaN if it is unknown.
    """

    pixels: np.ndarray
    source: str
    distance: float


@dataclass(frozen=True)
class Origins:
    """The sources that photographs may be taken for, and what follows.

    Attributes:
        shares: source -> share of the frame that its images use; the only entry may be UNKNOWN.
        colours: source -> colours of its training images; may lack sources.
        normalise: source -> its normaliser, for those whose images are normalised.
        mapped: the sources whose images were normalised in training.
        target: the stain to which images are normalised, as a phrase.
    """

    shares: Mapping[str, float]
    colours: Mapping[str, SourceColours] = field(default_factory=dict)
    normalise: Mapping[str, Normalise] = field(default_factory=dict)
    mapped: frozenset[str] = frozenset()
    target: str = ""

    def with_share(self, share: float) -> "Origins":
        """The same with one share of the frame for all photographs."""
        return replace(self, shares=dict.fromkeys(self.shares, share))

    def square(self, image: np.ndarray, frame: Frame) -> Square:
        """Make a photograph, RGB uint8 (height, width, 3), square as images of the source that it is nearest to.

        It is compared with each source in the frame of that source; of several at one distance, the first is taken.
        """
        squares = {
            share: fit_square(image, size=frame.size, fit=frame.fit, field=share) for share in self.shares.values()
        }
        numbers = {share: colour_numbers(square)[None] for share, square in squares.items()} if self.colours else {}
        found = [
            Square(squares[share], source, self._distance(numbers, share, source))
            for source, share in self.shares.items()
        ]
        return min(found, key=lambda square: np.inf if np.isnan(square.distance) else square.distance)

    def _distance(self, numbers: Mapping[float, np.ndarray], share: float, source: str) -> float:
        if source not in self.colours:
            return np.nan
        return float(colour_distances(numbers[share], self.colours[source])[0])

    def normalised(self, pixels: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normalise those images whose source has a normaliser.

        Args:
            pixels: RGB uint8 (n, s, s, 3).
            sources: source of each, str (n,).

        Returns:
            Images of the same shape, and bool (n,): which have too little contrast and were left unchanged.
        """
        unchanged = np.zeros(len(pixels), bool)
        for source, normalise in self.normalise.items():
            if (chosen := sources == source).any():
                pixels = pixels.copy()
                pixels[chosen], unchanged[chosen] = normalise(pixels[chosen])
        return pixels, unchanged

    def mismatched(self, sources: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Which images reach the model in a stain that it was not trained on, bool (n,).

        These are images beyond the limit of every source, and images of sources that were normalised in training if
        these are not. Arguments: source and colour distance of each image.
        """
        left = np.isin(sources, sorted(self.mapped - set(self.normalise)))
        beyond: np.ndarray = distances > 1  # not for NaN
        return beyond | left

    def summary(self, table: pd.DataFrame) -> str | None:
        """One line: for how many images each source was taken, why, and what followed; None if nothing was taken.

        Args:
            table: predictions with the columns `taken_for` and `colour_distance`.
        """
        counts = table["taken_for"].value_counts()
        if counts.empty:
            return None
        choice = len(self.shares) > 1
        parts = [f"{source}: {n} ({self._treatment(str(source))})" for source, n in counts.items()]
        beyond = int((table["colour_distance"] > 1).sum())
        if beyond:
            which = "every source" if choice else "this source"
            parts.append(f"{beyond} of them beyond the colours of the training images of {which}")
        return f"{'each by its colours, ' if choice else 'all '}images are taken for {'; '.join(parts)}"

    def _treatment(self, source: str) -> str:
        if source in self.normalise:
            treatment = f"normalised to {self.target}"
        elif source in self.mapped:
            treatment = "NOT normalised, unlike the images of training"
        else:
            treatment = "used in their own stain"
        if len(set(self.shares.values())) > 1:
            treatment += f", the central {100 * self.shares[source]:.0f} % of the frame"
        return treatment


def mapped_sources(stain: Stain | None) -> frozenset[str]:
    """The sources all of whose images were normalised in training.

    None for `per_class`, which depends on the class of an image: that of a new image is unknown.
    """
    if stain is None or stain.direction not in ("to_a", "to_b"):
        return frozenset()
    return frozenset(stain.sources if stain.direction == "to_a" else [stain.reference])
