"""The gate: which generated images may enter the balanced set, and why the others may not."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hemabalance.config.gate import GateSettings
from hemabalance.errors import InputError
from hemabalance.metrics.precision_recall import Manifold
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.training.classifier import Classifier

REASONS = ("class", "manifold", "copy")
"""Why an image is refused: not the asked class, not like the real images, a copy of one."""


class Gate:
    """Compares images of a class with the real training images of it."""

    def __init__(
        self, copies: CopyDetector, real: Mapping[str, np.ndarray], judge: Classifier, settings: GateSettings
    ) -> None:
        """Put the gate up around the real images.

        Args:
            copies: what they are, and what counts as a copy of one.
            real: class -> their Inception features, float32 (m, 2048), of all classes to come.
            judge: a classifier that no generator learned from.
            settings: how strict to be.
        """
        self._judge, self._settings, self.copies = judge, settings, copies
        self._balls = _Balls({label: Manifold(seen, settings.neighbours) for label, seen in real.items()})

    def assess(self, pixels: np.ndarray, label: str, features: np.ndarray) -> pd.DataFrame:
        """Judge images that are to be of one class.

        Args:
            pixels: RGB uint8 (n, size, size, 3).
            label: the asked class.
            features: their Inception features, float32 (n, 2048).

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
        margin = self._balls.margin(label, features)
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
