"""Measures of single images: diversity, similarity to the nearest training image, and the recognised class."""

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
from hemabalance.synthesis.set_tables import ALL, MISSING_SET_REASON, ArraysByClass
from hemabalance.training.classifier import Classifier

Values = Mapping[str, np.ndarray]
"""Name of a measure -> one value per image."""

Measure = Callable[[str], Callable[[np.ndarray], Values]]
"""Class -> function that measures images of the class, at least one image."""

NEAREST = ("lpips", "psnr", "ssim", "l1", "l2")


@dataclass(frozen=True)
class ComparedImages:
    """Images to measure, RGB uint8 (n, size, size, 3) by class.

    Attributes:
        train: all real training images, at least one per class.
        compared: `generated` or `floor` -> images.
    """

    train: ArraysByClass
    compared: Mapping[str, ArraysByClass]


def diversity(images: ComparedImages, perceptual: LPIPSModel, *, pairs: int, seed: int) -> list[dict[str, Any]]:
    """LPIPS between pairs of images of one class: larger values are more diverse, the floor is that of real images.

    In random pairs that use no image twice, so that the pairs of the bootstrap are independent.

    Args:
        images: images to measure.
        perceptual: LPIPS.
        pairs: maximum number of pairs per class; n images have n // 2 pairs.
        seed: seed of pairs and intervals.

    Returns:
        Rows `label, compare, n` (pairs)`, lpips, lpips_low, lpips_high, reason`; `all`: the pairs of all classes, each
        pair within one class.
    """

    def measure(pixels: np.ndarray) -> Values:
        order = np.random.default_rng(seed).permutation(len(pixels))
        count = min(pairs, len(pixels) // 2)
        return {"lpips": perceptual.distances(pixels[order[:count]], pixels[order[count : 2 * count]])}

    return _mean_rows(images, lambda label: measure, ("lpips",), "a pair takes two images of a class", seed)


def nearest(images: ComparedImages, perceptual: LPIPSModel, *, seed: int) -> list[dict[str, Any]]:
    """Similarity of each image to the real training image of its class that is nearest by LPIPS.

    The nearest image is searched over the eight poses of the image and compared in the best pose. Generated images
    should be as far from training images as real test images are: neither high nor low values are good.

    Args:
        images: images to measure.
        perceptual: LPIPS.
        seed: seed of the intervals.

    Returns:
        Rows `label, compare, n, reason` and, each with `_low` and `_high`, means over images: `lpips` (at the size of
        the images)`, psnr` (dB)`, ssim, l1, l2` (mean absolute and squared difference of levels from 0 to 1).
    """

    def measure_class(label: str) -> Callable[[np.ndarray], Values]:
        image_index = NearestImageIndex(images.train[label], perceptual)

        def measure(pixels: np.ndarray) -> Values:
            neighbours = image_index.nearest(pixels)
            posed = np.stack([poses(image[None])[k, 0] for image, k in zip(pixels, neighbours.pose, strict=True)])
            return _similarity(posed, images.train[label][neighbours.index], perceptual)

        return measure

    return _mean_rows(images, measure_class, NEAREST, "", seed)


def _similarity(pixels: np.ndarray, neighbours: np.ndarray, perceptual: LPIPSModel) -> Values:
    differences = (pixels.astype(np.float32) - neighbours) / 255
    return {
        "lpips": perceptual.distances(pixels, neighbours),
        "psnr": psnr(pixels, neighbours),
        "ssim": ssim(pixels, neighbours),
        "l1": np.abs(differences).mean(axis=(1, 2, 3)),
        "l2": (differences**2).mean(axis=(1, 2, 3)),
    }


def agreement(images: ComparedImages, judge: Classifier) -> list[dict[str, Any]]:
    """Share of images that an independent classifier assigns to the requested class.

    Args:
        images: images to measure.
        judge: classifier trained on real training images only.

    Returns:
        Rows `label, compare, n, agree, rate, low, high` (Wilson)`, reason`.
    """
    rows = []
    for compare, pixels in images.compared.items():
        correct = {label: judge.predict(pixels[label]) == label for label in images.train}
        for label in (ALL, *images.train):
            agrees = np.concatenate([*correct.values(), np.empty(0, bool)]) if label == ALL else correct[label]
            count = int(agrees.sum())
            rate = wilson(count, len(agrees))
            row = {"label": label, "compare": compare, "n": len(agrees), "agree": count}
            row |= {"rate": rate.value, "low": rate.low, "high": rate.high}
            rows.append(row | {"reason": None if len(agrees) else MISSING_SET_REASON[compare]})
    return rows


def _mean_rows(
    images: ComparedImages, measure: Measure, names: tuple[str, ...], missing_reason: str, seed: int
) -> list[dict[str, Any]]:
    no_values = {name: np.empty(0) for name in names}
    measured: dict[str, dict[str, Values]] = {compare: {} for compare in images.compared}
    for label in images.train:
        measure_class = measure(label)
        for compare, pixels in images.compared.items():
            measured[compare][label] = measure_class(pixels[label]) if len(pixels[label]) else no_values
    rows = []
    for compare, pixels in images.compared.items():
        for label in (ALL, *images.train):
            labels = list(images.train) if label == ALL else [label]
            measured_values = [measured[compare][member] for member in labels] or [no_values]
            values = {name: np.concatenate([member[name] for member in measured_values]) for name in names}
            row: dict[str, Any] = {"label": label, "compare": compare, "n": len(values[names[0]])}
            for name in names:
                row |= mean_row(name, values[name], seed=seed)
            reason = missing_reason if any(len(pixels[member]) for member in labels) else MISSING_SET_REASON[compare]
            rows.append(row | {"reason": None if row["n"] else reason})
    return rows
