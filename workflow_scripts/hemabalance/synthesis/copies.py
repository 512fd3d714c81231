"""Detect generated images that copy a real training image in one of the eight poses.

Two measures complement each other: LPIPS, and the 64-bit perceptual hash that also finds duplicates in the archives.
The thresholds are not constants; they follow from the distances between real images of different cells.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hemabalance.dataset.perceptual_hash import perceptual_hash, thumbnail
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError
from hemabalance.metrics.lpips import LPIPSModel
from hemabalance.metrics.nearest_neighbours import nearest
from hemabalance.metrics.poses import POSES, poses
from hemabalance.synthesis.real_image_features import NearestDistances

SIDE = 64
"""Larger images are reduced to this side before the comparison, which also removes JPEG artefacts."""

MIN_LPIPS_THRESHOLD = 1e-4
"""Lower bound of the LPIPS threshold: up to rounding, images at this distance are identical."""

MIN_CLASS_IMAGES = 3
"""Classes with fewer real images use the distances within the other classes."""

BITS = 64

_BATCH = 128  # images in eight poses, embedded together
_MEMORY = 1 << 30  # bytes for the search


@dataclass(frozen=True)
class NearestImages(NearestDistances):
    """The nearest real image of each of n images; LPIPS at `SIDE` pixels if the images are larger.

    Attributes:
        index: int64 (n,), index of the nearest image by LPIPS.
        pose: int64 (n,), pose of the image (index in `metrics.poses.poses`) with the smallest LPIPS.
    """

    index: np.ndarray
    pose: np.ndarray


class NearestImageIndex:
    """Search index over the real images of one class; 130 kB per image."""

    def __init__(self, pixels: np.ndarray, perceptual: LPIPSModel) -> None:
        """Embed the images.

        Args:
            pixels: RGB uint8 (m, size, size, 3), at least one image.
            perceptual: LPIPS.
        """
        self._perceptual = perceptual
        self._pixels = _small(pixels)
        self._embedded = perceptual.embed(self._pixels)
        self._hashes = _hashes(self._pixels)

    def nearest(self, pixels: np.ndarray) -> NearestImages:
        """Nearest real image of each image, RGB uint8 (n, size, size, 3), over the eight poses of the image."""
        small = _small(pixels)
        shape = POSES, len(small)
        index, distance, bits = np.empty(shape, np.int64), np.empty(shape, np.float32), np.empty(shape, np.int64)
        for start in range(0, len(small), _BATCH):
            batch = slice(start, start + _BATCH)
            posed = poses(small[batch])
            results = self._search(posed.reshape(-1, *posed.shape[2:]), same=False)
            index[:, batch], distance[:, batch], bits[:, batch] = (values.reshape(POSES, -1) for values in results)
        return _best(index, distance, bits)

    def nearest_others(self) -> NearestImages:
        """Nearest other image of each indexed image; the index needs at least two images."""
        results = [self._search(posed, same=True) for posed in poses(self._pixels)]
        index, distance, bits = (np.stack(column) for column in zip(*results, strict=True))
        return _best(index, distance, bits)

    def _search(self, pixels: np.ndarray, *, same: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        index, distance = nearest(
            self._perceptual.embed(pixels), self._embedded, device=self._perceptual.device, memory=_MEMORY, same=same
        )
        bit_distances = np.bitwise_count(_hashes(pixels)[:, None] ^ self._hashes[None])
        if same:
            np.fill_diagonal(bit_distances, BITS)
        return index, distance, bit_distances.min(axis=1).astype(np.int64)


def _best(index: np.ndarray, distance: np.ndarray, bits: np.ndarray) -> NearestImages:
    """Minimum over the poses, the first axis."""
    pose, row = distance.argmin(axis=0), np.arange(distance.shape[1])
    return NearestImages(distance[pose, row], bits.min(axis=0), index[pose, row], pose)


def _small(pixels: np.ndarray) -> np.ndarray:
    return reduced(pixels, SIDE, where="images to compare") if pixels.shape[1] > SIDE else pixels


def _hashes(pixels: np.ndarray) -> np.ndarray:
    thumbs = [thumbnail(image) for image in np.ascontiguousarray(pixels)]
    return perceptual_hash(np.stack(thumbs)) if thumbs else np.empty(0, np.uint64)


@dataclass(frozen=True)
class Threshold:
    """Copy thresholds of a class; an image at or below either of them is a copy.

    Attributes:
        lpips: LPIPS distance to the nearest real image.
        bits: Hamming distance of the perceptual hashes; -1 if the hash cannot distinguish copies.
        note: remark for the report, or empty.
    """

    lpips: float
    bits: int
    note: str


def thresholds(distances: Mapping[str, NearestDistances | None], *, quantile: float) -> dict[str, Threshold]:
    """Copy thresholds by class, from the distances between real images of different cells.

    LPIPS: the quantile, within the class, of the distance of each image to its nearest other image. Hash: strictly
    below the same quantile within the class and below the quantile over all classes together, because a class with few
    images overestimates it. Strictly, because many pairs of 64-bit hashes are exactly at the quantile.

    Args:
        distances: class -> distances of its images to the nearest other one (`NearestImageIndex.nearest_others`); None
            for a class with a single image.
        quantile: share of the real images that may count as copies of one another, 0 to 1.

    Raises:
        InputError: no class has two images.
    """
    known = {label: nearest for label, nearest in distances.items() if nearest is not None}
    if not known:
        problem = "no class has two, so the distance between images of different cells is unknown"
        raise InputError("real training images", problem, "Add images, or serve classes that have at least two")
    bits_of_all = np.quantile(np.concatenate([nearest.bits for nearest in known.values()]), quantile)
    return {label: _threshold(label, known, float(bits_of_all), quantile) for label in distances}


def _threshold(label: str, known: Mapping[str, NearestDistances], bits_of_all: float, quantile: float) -> Threshold:
    others = [nearest for name, nearest in known.items() if name != label]
    basis, note = [known[label]] if label in known else [], ""
    if label not in known or len(known[label].lpips) < MIN_CLASS_IMAGES:
        basis, note = others or basis, "too few real images to tell copies by: the distances within other classes do"
    lpips = float(np.quantile(np.concatenate([nearest.lpips for nearest in basis]), quantile))
    bits = min(bits_of_all, float(np.quantile(np.concatenate([nearest.bits for nearest in basis]), quantile)))
    return Threshold(max(lpips, MIN_LPIPS_THRESHOLD), int(np.ceil(bits)) - 1, note)


class CopyDetector:
    """Real training images to compare generated images with, and the copy thresholds of their classes.

    Attributes:
        pixels: class -> images, RGB uint8 (m, size, size, 3).
        ids: class -> image ids, str (m,).
        thresholds: class -> `Threshold`.
    """

    def __init__(
        self,
        pixels: Mapping[str, np.ndarray],
        ids: Mapping[str, np.ndarray],
        distances: Mapping[str, NearestDistances | None],
        perceptual: LPIPSModel,
        *,
        quantile: float,
        class_counts: Mapping[str, int],
    ) -> None:
        """Compute the thresholds.

        Args:
            pixels: class -> images at the working size.
            ids: class -> image ids.
            distances: class -> distances to the nearest other image, for these classes and any others.
            perceptual: LPIPS.
            quantile: see `thresholds`.
            class_counts: class -> number of all real training images, including those not compared with.

        Raises:
            InputError: no class has two images.
        """
        self._perceptual, self._class_counts = perceptual, class_counts
        self._image_index: tuple[str, NearestImageIndex] | None = None
        self.pixels, self.ids = pixels, ids
        self.thresholds = thresholds(distances, quantile=quantile)

    def image_index(self, label: str) -> NearestImageIndex:
        """Search index of a class; the most recent one is cached.

        Raises:
            InputError: the class has no real training image.
        """
        if label not in self.pixels:
            problem = "has no real training image to compare generated images with"
            raise InputError(f"class {label}", problem, f"Choose one of {', '.join(self.pixels)}")
        if self._image_index is None or self._image_index[0] != label:
            self._image_index = None  # frees the memory of the previous index first
            self._image_index = label, NearestImageIndex(self.pixels[label], self._perceptual)
        return self._image_index[1]

    def search(self, pixels: np.ndarray, label: str) -> tuple[NearestImages, np.ndarray]:
        """Nearest real image of the class for each image, and whether the image is a copy, bool (n,).

        Raises:
            InputError: the class has no real training image.
        """
        nearest_images = self.image_index(label).nearest(pixels)
        threshold = self.thresholds[label]
        is_copy = (nearest_images.lpips <= threshold.lpips) | (nearest_images.bits <= threshold.bits)
        return nearest_images, is_copy

    def notes(self) -> dict[str, list[str]]:
        """Class -> remarks on its thresholds and comparison, for the report."""
        notes = {}
        for label, pixels in self.pixels.items():
            note = self.thresholds[label].note
            notes[label] = [note] if note else []
            if self._class_counts[label] > len(pixels):
                notes[label].append(f"compared with {len(pixels)} of {self._class_counts[label]} real training images")
        return notes
