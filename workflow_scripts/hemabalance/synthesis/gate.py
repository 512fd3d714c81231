"""The gate: accepts or refuses generated images for the balanced set, with the reasons."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hemabalance.config.gate import GateSettings
from hemabalance.errors import InputError
from hemabalance.metrics.precision_recall import Manifold
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.training.classifier import Classifier

REASONS = ("class", "manifold", "copy")
"""Reasons to refuse an image: another class, outside the manifold of the real images, a copy of a real image."""


class Gate:
    """Compares generated images of a class with the real training images of that class."""

    def __init__(
        self, copies: CopyDetector, real: Mapping[str, np.ndarray], judge: Classifier, settings: GateSettings
    ) -> None:
        """Build the manifold of every class.

        Args:
            copies: the real images and the copy thresholds.
            real: class -> Inception features of its real images, float32 (m, 2048), for all classes to assess.
            judge: a classifier that was not used to train a generator.
            settings: thresholds.
        """
        self._judge, self._settings, self.copies = judge, settings, copies
        self._manifolds = _ClassManifolds(
            {label: Manifold(features, settings.neighbours) for label, features in real.items()}
        )

    def assess(self, pixels: np.ndarray, label: str, features: np.ndarray) -> pd.DataFrame:
        """Assess images that were generated for one class.

        Args:
            pixels: RGB uint8 (n, size, size, 3).
            label: the requested class.
            features: Inception features of the images, float32 (n, 2048).

        Returns:
            One row per image: `confidence` (float32, probability of the requested class), `predicted` (class), `agrees`
            (bool), `margin` (float64: 1 is the edge of the real manifold, smaller values are inside), `inside` (bool),
            `lpips` (float32, to the nearest real training image of the class, whose id is `nearest_id`),
            `hash_distance` (int64, bits), `copy` (bool), `accepted` (bool), `reason` (all of `REASONS` that apply,
            joined by "; ").

        Raises:
            InputError: the class has no real training image, or the classifier was not trained on it.
        """
        if label not in self._judge.classes:
            known = ", ".join(self._judge.classes)
            raise InputError(
                f"class {label}",
                f"is unknown to the classifier, which was trained on {known}",
                "Train the classifier again",
            )
        nearest, copy = self.copies.search(pixels, label)
        probabilities = self._judge.probabilities(pixels)
        confidence = probabilities[:, self._judge.classes.index(label)]
        predicted = np.array(self._judge.classes)[probabilities.argmax(axis=1)]
        agrees = (predicted == label) & (confidence >= self._settings.confidence)
        margin = self._manifolds.margin(label, features)
        inside = margin <= 1
        refused = np.stack([~agrees, ~inside, copy])
        table = pd.DataFrame(
            {
                "confidence": confidence,
                "predicted": pd.array(predicted, dtype="str"),
                "agrees": agrees,
                "margin": margin,
                "inside": inside,
                "lpips": nearest.lpips,
                "nearest_id": pd.array(self.copies.ids[label][nearest.index], dtype="str"),
                "hash_distance": nearest.bits,
                "copy": copy,
                "accepted": ~refused.any(axis=0),
            }
        )
        reasons = ["; ".join(name for name, applies in zip(REASONS, row, strict=True) if applies) for row in refused.T]
        return table.assign(reason=pd.array(reasons, dtype="str"))

    def notes(self) -> dict[str, str]:
        """Class -> note on an unusual assessment; classes assessed in the normal way have none."""
        lines = self.copies.notes()
        for label, note in self._manifolds.notes(self._settings.neighbours).items():
            lines[label].append(note)
        return {label: "; ".join(notes) for label, notes in lines.items() if notes}


class _ClassManifolds:
    """Manifolds of the real images by class; a class with a single image uses the median radius of the others."""

    def __init__(self, manifolds: dict[str, Manifold]) -> None:
        self._manifolds = manifolds
        self._radius = float(np.median(np.concatenate([m.radii for m in manifolds.values() if m.n > 1])))

    def margin(self, label: str, features: np.ndarray) -> np.ndarray:
        manifold = self._manifolds[label]
        if manifold.n > 1:
            return manifold.margin(features)
        return np.concatenate([np.empty(0), *manifold.distances(features)], axis=None) / self._radius

    def notes(self, neighbours: int) -> dict[str, str]:
        notes = {}
        for label, manifold in self._manifolds.items():
            if manifold.n == 1:
                notes[label] = "a single real image, with the median radius of the other classes around it"
            elif manifold.neighbours_used < neighbours:
                notes[label] = f"manifold of {manifold.n} real images by {manifold.neighbours_used} neighbours"
        return notes
