"""What is measured image by image: diversity, likeness to the nearest training image, and the class recognised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hemabalance.metrics.intervals import wilson
from hemabalance.metrics.lpips import LPIPSModel
from hemabalance.metrics.poses import poses
from hemabalance.metrics.ssim_psnr import psnr, ssim
from hemabalance.metrics.table_rows import mean_row
from hemabalance.synthesis.copies import NearestImageIndex
from hemabalance.synthesis.set_tables import ALL, NONE, ArraysByClass
from hemabalance.training.classifier import Classifier

Values = Mapping[str, np.ndarray]
"""Name -> one value an image."""

Measure = Callable[[str], Callable[[np.ndarray], Values]]
"""Class -> what measures its images, at least one."""

NEAREST = ("lpips", "psnr", "ssim", "l1", "l2")


@dataclass(frozen=True)
class ComparedImages:
    """What is measured, RGB uint8 (n, size, size, 3) by class.

    Attributes:
        train: all real training images, at least one of each class.
        made: `generated` or `floor` -> images.
    """

    train: ArraysByClass
    made: Mapping[str, ArraysByClass]


def diversity(images: ComparedImages, perceptual: LPIPSModel, *, pairs: int, seed: int) -> list[dict[str, Any]]:
    """LPIPS between two images of one class: larger is more diverse, the floor is as diverse as real images are.

    Random pairs in which no image comes twice, so that the bootstrap's pairs are independent.

    Args:
        images: what to measure.
        perceptual: LPIPS.
        pairs: of a class, at most; there are half as many as images.
        seed: of pairs and intervals.

    Returns:
        Rows `label, compare, n` (pairs)`, lpips, lpips_low, lpips_high, reason`; `all`: pairs of all classes, each
        within its own.
    """

    def measure(pixels: np.ndarray) -> Values:
        order = np.random.default_rng(seed).permutation(len(pixels))
        count = min(pairs, len(pixels) // 2)
        return {"lpips": perceptual.distances(pixels[order[:count]], pixels[order[count : 2 * count]])}

    return _mean_rows(images, lambda label: measure, ("lpips",), "a pair takes two images of a class", seed)


def nearest(images: ComparedImages, perceptual: LPIPSModel, *, seed: int) -> list[dict[str, Any]]:
    """Likeness of each image to the real training image of its class that is nearest to it by LPIPS.

    Nearest over the image's eight poses, and compared in that pose. Neither high nor low is good: generated images
    should be as far from training images as real test images are.

    Args:
        images: what to measure.
        perceptual: LPIPS.
        seed: of the intervals.

    Returns:
        Rows `label, compare, n, reason` and, each with `_low` and `_high`, means over images: `lpips` (at the images'
        own size)`, psnr` (dB)`, ssim, l1, l2` (mean absolute and squared difference of levels from 0 to 1).
    """

    def measure_class(label: str) -> Callable[[np.ndarray], Values]:
        image_index = NearestImageIndex(images.train[label], perceptual)

        def measure(pixels: np.ndarray) -> Values:
            found = image_index.nearest(pixels)
            posed = np.stack([poses(one[None])[k, 0] for one, k in zip(pixels, found.pose, strict=True)])
            return _likeness(posed, images.train[label][found.index], perceptual)

        return measure

    return _mean_rows(images, measure_class, NEAREST, "", seed)


def _likeness(one: np.ndarray, other: np.ndarray, perceptual: LPIPSModel) -> Values:
    distances = (one.astype(np.float32) - other) / 255
    return {
        "lpips": perceptual.distances(one, other),
        "psnr": psnr(one, other),
        "ssim": ssim(one, other),
        "l1": np.abs(distances).mean(axis=(1, 2, 3)),
        "l2": (distances**2).mean(axis=(1, 2, 3)),
    }


def agreement(images: ComparedImages, judge: Classifier) -> list[dict[str, Any]]:
    """How often an independent classifier takes an image for the class that was asked for.

    Args:
        images: what to measure.
        judge: trained on real training images alone.

    Returns:
        Rows `label, compare, n, agree, rate, low, high` (Wilson)`, reason`.
    """
    rows = []
    for compare, made in images.made.items():
        right = {label: judge.predict(made[label]) == label for label in images.train}
        for label in (ALL, *images.train):
            seen = np.concatenate(list(right.values())) if label == ALL else right[label]
            rate = wilson(int(seen.sum()), len(seen))
            row = {"label": label, "compare": compare, "n": len(seen), "agree": int(seen.sum())}
            row |= {"rate": rate.value, "low": rate.low, "high": rate.high}
            rows.append(row | {"reason": None if len(seen) else NONE[compare]})
    return rows


def _mean_rows(
    images: ComparedImages, measure: Measure, names: tuple[str, ...], why_none: str, seed: int
) -> list[dict[str, Any]]:
    none = {name: np.empty(0) for name in names}
    found: dict[str, dict[str, Values]] = {compare: {} for compare in images.made}
    for label in images.train:
        of_class = measure(label)
        for compare, made in images.made.items():
            found[compare][label] = of_class(made[label]) if len(made[label]) else none
    rows = []
    for compare, made in images.made.items():
        for label in (ALL, *images.train):
            labels = list(images.train) if label == ALL else [label]
            values = {name: np.concatenate([found[compare][each][name] for each in labels]) for name in names}
            row: dict[str, Any] = {"label": label, "compare": compare, "n": len(values[names[0]])}
            for name in names:
                row |= mean_row(name, values[name], seed=seed)
            reason = why_none if any(len(made[each]) for each in labels) else NONE[compare]
            rows.append(row | {"reason": None if row["n"] else reason})
    return rows
