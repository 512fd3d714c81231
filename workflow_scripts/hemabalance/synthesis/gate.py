"""The gate: which generated images may enter the balanced set, and why the others may not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemabalance.errors import InputError
from hemabalance.metrics.manifold import Manifold
from hemabalance.metrics.perceptual import Perceptual
from hemabalance.synthesis.copies import Copies
from hemabalance.synthesis.judges import Extract
from hemabalance.training.classifier import Classifier
from hemabalance.training.job import Images

REASONS = ("class", "manifold", "copy")
"""Why an image is refused: not the asked class, not like the real images, a copy of one."""


@dataclass(frozen=True)
class GateSettings:
    """How strict the gate is.

    Attributes:
        confidence: that the classifier must have in the asked class, 0 to 1; the class must be its first choice too.
        neighbours: k of the real manifold, whose balls reach to the k-th nearest other image.
        copy_quantile: see `copies.thresholds`.
        references: real training images of a class to compare with, at most. Copies of the others go unseen.
    """

    confidence: float
    neighbours: int
    copy_quantile: float
    references: int


class Gate:
    """Compares images of a class with the real training images of it."""

    def __init__(
        self,
        references: Images,
        ids: np.ndarray,
        judge: Classifier,
        inception: Extract,
        perceptual: Perceptual,
        settings: GateSettings,
        *,
        seed: int,
    ) -> None:
        """Look at the real images.

        Args:
            references: real training images at the working size, of all classes to come.
            ids: str (n,), their image ids.
            judge: a classifier that no generator learned from.
            inception: features of the manifold.
            perceptual: LPIPS, to find copies.
            settings: how strict to be.
            seed: of the draw where there are more images than `settings.references`.

        Raises:
            InputError: no class has two images.
        """
        self._judge, self._inception, self._settings = judge, inception, settings
        self.copies = Copies(
            references, ids, perceptual, quantile=settings.copy_quantile, most=settings.references, seed=seed
        )
        self._balls = _Balls(
            {label: Manifold(inception(pixels), settings.neighbours) for label, pixels in self.copies.pixels.items()}
        )

    def assess(self, pixels: np.ndarray, label: str, features: np.ndarray | None = None) -> pd.DataFrame:
        """Judge images that are to be of one class.

        Args:
            pixels: RGB uint8 (n, size, size, 3).
            label: the asked class.
            features: their Inception features float32 (n, 2048), if known already.

        Returns:
            One row an image: `confidence` (float32, in the asked class), `predicted` (class), `agrees` (bool),
            `margin` (float64: 1 is the edge of the real manifold, less is inside), `inside` (bool), `lpips` (float32,
            to the nearest real training image of the class, whose id is `nearest_id`), `hash_distance` (int64, bits),
            `copy` (bool), `accepted` (bool), `reason` (those of `REASONS` that hold, joined by "; ").

        Raises:
            InputError: there is no real training image of the class, or the classifier does not know it.
        """
        if label not in self._judge.classes:
            known = ", ".join(self._judge.classes)
            raise InputError(f"class {label}", f"is not one that the classifier knows ({known})", "Train it again")
        found, copy = self.copies.search(pixels, label)
        chances = self._judge.probabilities(pixels)
        confidence = chances[:, self._judge.classes.index(label)]
        predicted = np.array(self._judge.classes)[chances.argmax(axis=1)]
        agrees = (predicted == label) & (confidence >= self._settings.confidence)
        margin = self._balls.margin(label, self._inception(pixels) if features is None else features)
        inside = margin <= 1
        refused = np.stack([~agrees, ~inside, copy])
        table = pd.DataFrame(
            {
                "confidence": confidence,
                "predicted": pd.array(predicted, dtype="str"),
                "agrees": agrees,
                "margin": margin,
                "inside": inside,
                "lpips": found.lpips,
                "nearest_id": pd.array(self.copies.ids[label][found.index], dtype="str"),
                "hash_distance": found.bits,
                "copy": copy,
                "accepted": ~refused.any(axis=0),
            }
        )
        said = ["; ".join(name for name, holds in zip(REASONS, image, strict=True) if holds) for image in refused.T]
        return table.assign(reason=pd.array(said, dtype="str"))

    def notes(self) -> dict[str, str]:
        """Class -> what a person should know of how it was judged; classes judged as all are have none."""
        lines = self.copies.notes()
        for label, note in self._balls.notes(self._settings.neighbours).items():
            lines[label].append(note)
        return {label: "; ".join(said) for label, said in lines.items() if said}


class _Balls:
    """Real manifolds by class; a class of a single image borrows the others' median radius."""

    def __init__(self, manifolds: dict[str, Manifold]) -> None:
        self._manifolds = manifolds
        self._radius = float(np.median(np.concatenate([m.radii for m in manifolds.values() if m.n > 1])))

    def margin(self, label: str, features: np.ndarray) -> np.ndarray:
        manifold = self._manifolds[label]
        if manifold.n > 1:
            return manifold.margin(features)
        return np.concatenate([np.empty(0), *manifold.distances(features)], axis=None) / self._radius

    def notes(self, neighbours: int) -> dict[str, str]:
        found = {}
        for label, manifold in self._manifolds.items():
            if manifold.n == 1:
                found[label] = "a single real image, with the median radius of the other classes around it"
            elif manifold.neighbours_used < neighbours:
                found[label] = f"manifold of {manifold.n} real images by {manifold.neighbours_used} neighbours"
        return found
