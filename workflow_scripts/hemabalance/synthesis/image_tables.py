"""Measures of single images: diversity, similarity to the nearest training image, and the recognised class."""

from collections.abc import Callable, Mapping, Sequence
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

Row = dict[str, Any]
"""JSON values of one row of a table."""

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


@dataclass(frozen=True)
class ImageTable:
    """Rows over the measured images of any classes.

    Attributes:
        classes: the classes with measured images.
        compared: names of the compared sets.
        row: function from classes and a name of `compared` to the row over all images of these classes.
    """

    classes: Sequence[str]
    compared: Sequence[str]
    row: Callable[[Sequence[str], str], Row]

    def rows(self) -> list[Row]:
        """Rows for `all` and each class."""
        members = [(ALL, self.classes), *((label, [label]) for label in self.classes)]
        return [
            {"label": label, "compare": compare} | self.row(labels, compare)
            for compare in self.compared
            for label, labels in members
        ]

    def rows_over(self, classes: Sequence[str]) -> list[Row]:
        """Rows for `all`, if these were all classes."""
        return [{"label": ALL, "compare": compare} | self.row(classes, compare) for compare in self.compared]


def diversity(images: ComparedImages, perceptual: LPIPSModel, *, pairs: int, seed: int) -> ImageTable:
    """LPIPS between pairs of images of one class: larger values are more diverse, the floor is that of real images.

    In random pairs that use no image twice, so that the pairs of the bootstrap are independent.

    Args:
        images: images to measure.
        perceptual: LPIPS.
        pairs: maximum number of pairs per class; n images have n // 2 pairs.
        seed: seed of pairs and intervals.

    Returns:
        Table with rows `label, compare, n` (pairs)`, lpips, lpips_low, lpips_high, reason`; `all`: the pairs of all
        classes, each pair within one class.
    """

    def measure(pixels: np.ndarray) -> Values:
        order = np.random.default_rng(seed).permutation(len(pixels))
        count = min(pairs, len(pixels) // 2)
        return {"lpips": perceptual.distances(pixels[order[:count]], pixels[order[count : 2 * count]])}

    return _table_of_means(images, lambda label: measure, ("lpips",), "a pair takes two images of a class", seed)


def nearest(images: ComparedImages, perceptual: LPIPSModel, *, seed: int) -> ImageTable:
    """Similarity of each image to the real training image of its class that is nearest by LPIPS.

    The nearest image is searched over the eight poses of the image and compared in the best pose. Generated images
    should be as far from training images as real test images are: neither high nor low values are good.

    Args:
        images: images to measure.
        perceptual: LPIPS.
        seed: seed of the intervals.

    Returns:
        Table with rows `label, compare, n, reason` and, each with `_low` and `_high`, means over images: `lpips` (at
        the size of the images)`, psnr` (dB)`, ssim, l1, l2` (mean absolute and squared difference of levels from 0 to
        1).
    """

    def measure_class(label: str) -> Callable[[np.ndarray], Values]:
        image_index = NearestImageIndex(images.train[label], perceptual)

        def measure(pixels: np.ndarray) -> Values:
            neighbours = image_index.nearest(pixels)
            posed = np.stack([poses(image[None])[k, 0] for image, k in zip(pixels, neighbours.pose, strict=True)])
            return _similarity(posed, images.train[label][neighbours.index], perceptual)

        return measure

    return _table_of_means(images, measure_class, NEAREST, "", seed)


def _similarity(pixels: np.ndarray, neighbours: np.ndarray, perceptual: LPIPSModel) -> Values:
    differences = (pixels.astype(np.float32) - neighbours) / 255
    return {
        "lpips": perceptual.distances(pixels, neighbours),
        "psnr": psnr(pixels, neighbours),
        "ssim": ssim(pixels, neighbours),
        "l1": np.abs(differences).mean(axis=(1, 2, 3)),
        "l2": (differences**2).mean(axis=(1, 2, 3)),
    }


def agreement(images: ComparedImages, judge: Classifier) -> ImageTable:
    """Share of images that an independent classifier assigns to the requested class.

    Args:
        images: images to measure.
        judge: classifier trained on real training images only.

    Returns:
        Table with rows `label, compare, n, agree, rate, low, high` (Wilson)`, reason`.
    """
    agrees = {
        compare: {label: judge.predict(pixels[label]) == label for label in images.train}
        for compare, pixels in images.compared.items()
    }

    def row(labels: Sequence[str], compare: str) -> Row:
        values = np.concatenate([*(agrees[compare][label] for label in labels), np.empty(0, bool)])
        count = int(values.sum())
        rate = wilson(count, len(values))
        cells = {"n": len(values), "agree": count, "rate": rate.value, "low": rate.low, "high": rate.high}
        return cells | {"reason": None if len(values) else MISSING_SET_REASON[compare]}

    return ImageTable(list(images.train), list(images.compared), row)


def _table_of_means(
    images: ComparedImages, measure: Measure, names: tuple[str, ...], missing_reason: str, seed: int
) -> ImageTable:
    no_values = {name: np.empty(0) for name in names}
    measured: dict[str, dict[str, Values]] = {compare: {} for compare in images.compared}
    for label in images.train:
        measure_class = measure(label)
        for compare, pixels in images.compared.items():
            measured[compare][label] = measure_class(pixels[label]) if len(pixels[label]) else no_values

    def row(labels: Sequence[str], compare: str) -> Row:
        measured_values = [measured[compare][label] for label in labels] or [no_values]
        values = {name: np.concatenate([member[name] for member in measured_values]) for name in names}
        cells: Row = {"n": len(values[names[0]])}
        for name in names:
            cells |= mean_row(name, values[name], seed=seed)
        has_images = any(len(images.compared[compare][label]) for label in labels)
        reason = missing_reason if has_images else MISSING_SET_REASON[compare]
        return cells | {"reason": None if cells["n"] else reason}

    return ImageTable(list(images.train), list(images.compared), row)
