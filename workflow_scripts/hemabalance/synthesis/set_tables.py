"""How alike two sets of images are as wholes: distances and manifolds on Inception features."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hemabalance.metrics.distance_intervals import fid_interval, kid_interval
from hemabalance.metrics.precision_recall import Manifold, precision_recall
from hemabalance.metrics.table_rows import distance_row, interval_row

ALL = "all"
"""In place of a class: all classes together."""

GENERATED, FLOOR = "generated", "floor"
NONE = {GENERATED: "there are no generated images", FLOOR: "no real image is held back to compare with"}
"""Why there is no value where a set is empty."""

ArraysByClass = Mapping[str, np.ndarray]
"""Class -> what belongs to its images, the first axis; classes without an image have an empty one."""

_SCORES = ("precision", "recall", "f1", "density", "coverage")


@dataclass(frozen=True)
class ComparedFeatures:
    """What is compared with real test images: the generated ones, and as floor the real training images.

    Attributes:
        real: real test images; where a protocol holds none back, the training images, and then there is no floor.
        made: `generated` or `floor` -> images.
        most: images of a set under `all`.
    """

    real: ArraysByClass
    made: Mapping[str, ArraysByClass]
    most: int

    def pairs(self) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
        """Class or `all`, comparison, real set and compared set.

        Under `all` each class has as many images in one set as in the other, else a mix of classes that differs
        would pass for a difference of the images.
        """
        share = max(1, self.most // max(1, len(self.real)))
        for compare, made in self.made.items():
            both = [(self.real[label], made[label]) for label in self.real]
            fewer = [min(len(real), len(other), share) for real, other in both]
            matched = [[pair[side][:n] for pair, n in zip(both, fewer, strict=True)] for side in (0, 1)]
            yield ALL, compare, np.concatenate(matched[0]), np.concatenate(matched[1])
            for label, (real, other) in zip(self.real, both, strict=True):
                yield label, compare, real, other


def fidelity(features: ComparedFeatures, *, kid_subset: int, resamples: int, seed: int) -> list[dict[str, Any]]:
    """FID and KID to real images, by class and for `all`.

    FID falls with the number of images, KID does not: compare FID between rows of like numbers only.

    Args:
        features: Inception features, float32 (n, 2048).
        kid_subset: images of a subset of KID.
        resamples: of the bootstrap of both.
        seed: of subsets and resamples.

    Returns:
        Rows `label, compare, n_real, n_generated, fid, fid_low, fid_high, kid, kid_std, kid_low, kid_high, reason`.
    """
    rows = []
    for label, compare, real, made in features.pairs():
        row = distance_row(real, made, kid_subset=kid_subset, seed=seed)
        spread = {"resamples": resamples, "seed": seed}
        for name, found in (("fid", fid_interval(made, real, **spread)), ("kid", kid_interval(made, real, **spread))):
            row |= {f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append({"label": label, "compare": compare} | row | _why_none(row, compare))
    return rows


def manifold(features: ComparedFeatures, *, neighbours: int, seed: int) -> list[dict[str, Any]]:
    """Generative precision, recall, F1, density and coverage, by class and for `all`.

    Args:
        features: Inception features, float32 (n, 2048).
        neighbours: k of the balls.
        seed: of the intervals.

    Returns:
        Rows `label, compare, n_real, n_generated, neighbours, reason` and each value with its `_low` and `_high`.
    """
    rows = []
    for label, compare, real, made in features.pairs():
        scores = precision_recall(Manifold(real, neighbours), Manifold(made, neighbours), seed=seed)
        row: dict[str, Any] = {"n_real": len(real), "n_generated": len(made), "neighbours": scores.precision.neighbours}
        reasons = []
        for name in _SCORES:
            share = getattr(scores, name)
            row |= interval_row(name, share)
            reasons.append(share.reason)
        row["reason"] = next((reason for reason in reasons if reason), None)
        rows.append({"label": label, "compare": compare} | row | _why_none(row, compare))
    return rows


def _why_none(row: Mapping[str, Any], compare: str) -> dict[str, str]:
    return {} if row["n_generated"] else {"reason": NONE[compare]}
