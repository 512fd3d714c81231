"""Comparison of two sets of images by distances and manifolds of Inception features."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hemabalance.metrics.distance_intervals import fid_interval, kid_interval
from hemabalance.metrics.precision_recall import Manifold, precision_recall
from hemabalance.metrics.table_rows import distance_row, interval_row

ALL = "all"
"""Value of `label` in rows over all classes together."""

GENERATED, FLOOR = "generated", "floor"
MISSING_SET_REASON = {GENERATED: "there are no generated images", FLOOR: "no real image is held back to compare with"}
"""Reason for a missing value if a set is empty."""

ArraysByClass = Mapping[str, np.ndarray]
"""Class -> array with one row per image; empty for a class without images."""

_SCORES = ("precision", "recall", "f1", "density", "coverage")


@dataclass(frozen=True)
class ComparedFeatures:
    """Features to compare with real test images: of generated images and, as the floor, of real training images.

    Attributes:
        real: real test images; training images if the protocol holds none back, and then there is no floor.
        compared: `generated` or `floor` -> features.
        max_images: maximum number of images of a set for `all`.
        by_class: whether each class is compared too, or only `all`.
    """

    real: ArraysByClass
    compared: Mapping[str, ArraysByClass]
    max_images: int
    by_class: bool = True

    def pairs(self) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
        """Class or `all`, name of the comparison, real features and compared features.

        For `all`, each class has the same number of images in both sets, so that a different class mix does not count
        as a difference between the images.
        """
        images_per_class = max(1, self.max_images // max(1, len(self.real)))
        for compare, features in self.compared.items():
            sets = [(self.real[label], features[label]) for label in self.real]
            sizes = [min(len(real), len(other), images_per_class) for real, other in sets]
            matched = [[pair[side][:n] for pair, n in zip(sets, sizes, strict=True)] for side in (0, 1)]
            none = [np.empty((0, 1), np.float32)] if not sets else []
            yield ALL, compare, np.concatenate([*matched[0], *none]), np.concatenate([*matched[1], *none])
            for label, (real, other) in zip(self.real, sets, strict=True) if self.by_class else ():
                yield label, compare, real, other


def fidelity(features: ComparedFeatures, *, kid_subset: int, resamples: int, seed: int) -> list[dict[str, Any]]:
    """FID and KID to the real images, for `all` and by class.

    FID decreases with the number of images, KID does not: compare FID only between rows with similar numbers.

    Args:
        features: Inception features, float32 (n, 2048).
        kid_subset: number of images of a KID subset.
        resamples: number of bootstrap resamples of both.
        seed: seed of subsets and resamples.

    Returns:
        Rows `label, compare, n_real, n_generated, fid, fid_low, fid_high, kid, kid_std, kid_low, kid_high, reason`.
    """
    rows = []
    for label, compare, real, compared in features.pairs():
        row = distance_row(real, compared, kid_subset=kid_subset, seed=seed)
        bootstrap = {"resamples": resamples, "seed": seed}
        for name, interval in (
            ("fid", fid_interval(compared, real, **bootstrap)),
            ("kid", kid_interval(compared, real, **bootstrap)),
        ):
            row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append({"label": label, "compare": compare} | row | _missing_reason(row, compare))
    return rows


def manifold(features: ComparedFeatures, *, neighbours: int, seed: int) -> list[dict[str, Any]]:
    """Generative precision, recall, F1, density and coverage, for `all` and by class.

    Args:
        features: Inception features, float32 (n, 2048).
        neighbours: number k of neighbours that define the radius of a ball.
        seed: seed of the intervals.

    Returns:
        Rows `label, compare, n_real, n_generated, neighbours, reason` and each value with its `_low` and `_high`.
    """
    rows = []
    for label, compare, real, compared in features.pairs():
        scores = precision_recall(Manifold(real, neighbours), Manifold(compared, neighbours), seed=seed)
        row: dict[str, Any] = {
            "n_real": len(real),
            "n_generated": len(compared),
            "neighbours": scores.precision.neighbours,
        }
        reasons = []
        for name in _SCORES:
            score = getattr(scores, name)
            row |= interval_row(name, score)
            reasons.append(score.reason)
        row["reason"] = next((reason for reason in reasons if reason), None)
        rows.append({"label": label, "compare": compare} | row | _missing_reason(row, compare))
    return rows


def _missing_reason(row: Mapping[str, Any], compare: str) -> dict[str, str]:
    return {} if row["n_generated"] else {"reason": MISSING_SET_REASON[compare]}
