"""Is an image a copy of a real training image, in any of its eight poses?

Two measures look for copies, since neither sees everything: LPIPS, and the 64-bit perceptual hash by which duplicates
are found in the archives. What counts as near is no number that somebody chose: real images of different cells say how
near to one another they come.
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
"""Larger images are reduced to this side before they are compared, which also smooths what a JPEG encoder left."""

LEAST_LPIPS = 1e-4
"""As near as this is a copy whatever the real images say: rounding apart, it is the same picture."""

FEWEST = 3
"""With fewer real images of a class the distances among those of the other classes stand in for theirs."""

BITS = 64

_AT_ONCE = 128  # images in eight poses, embedded together
_MEMORY = 1 << 30  # bytes to search in


@dataclass(frozen=True)
class NearestImages(NearestDistances):
    """The nearest real images of n images; LPIPS at `SIDE` pixels where the images are larger.

    Attributes:
        index: int64 (n,), place of the nearest by LPIPS.
        pose: int64 (n,), the pose of the image (a place in `metrics.poses.poses`) that is nearest to it.
    """

    index: np.ndarray
    pose: np.ndarray


class NearestImageIndex:
    """Real images of one class in the form in which they are searched; 130 kB an image."""

    def __init__(self, pixels: np.ndarray, perceptual: LPIPSModel) -> None:
        """Embed the images.

        Args:
            pixels: RGB uint8 (m, size, size, 3), at least one.
            perceptual: LPIPS.
        """
        self._perceptual = perceptual
        self._pixels = _small(pixels)
        self._embedded = perceptual.embed(self._pixels)
        self._hashes = _hashes(self._pixels)

    def nearest(self, pixels: np.ndarray) -> NearestImages:
        """For each image, RGB uint8 (n, size, size, 3), the nearest real one over the image's eight poses."""
        small = _small(pixels)
        shape = POSES, len(small)
        index, distance, bits = np.empty(shape, np.int64), np.empty(shape, np.float32), np.empty(shape, np.int64)
        for start in range(0, len(small), _AT_ONCE):
            piece = slice(start, start + _AT_ONCE)
            posed = poses(small[piece])
            found = self._search(posed.reshape(-1, *posed.shape[2:]), same=False)
            index[:, piece], distance[:, piece], bits[:, piece] = (part.reshape(POSES, -1) for part in found)
        return _best(index, distance, bits)

    def nearest_others(self) -> NearestImages:
        """For each image on the image_index, at least two, the nearest of the others."""
        found = [self._search(posed, same=True) for posed in poses(self._pixels)]
        index, distance, bits = (np.stack(column) for column in zip(*found, strict=True))
        return _best(index, distance, bits)

    def _search(self, pixels: np.ndarray, *, same: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        index, distance = nearest(
            self._perceptual.embed(pixels), self._embedded, device=self._perceptual.device, memory=_MEMORY, same=same
        )
        apart = np.bitwise_count(_hashes(pixels)[:, None] ^ self._hashes[None])
        if same:
            np.fill_diagonal(apart, BITS)
        return index, distance, apart.min(axis=1).astype(np.int64)


def _best(index: np.ndarray, distance: np.ndarray, bits: np.ndarray) -> NearestImages:
    """Of the poses, the first axis, the nearest."""
    pose, row = distance.argmin(axis=0), np.arange(distance.shape[1])
    return NearestImages(distance[pose, row], bits.min(axis=0), index[pose, row], pose)


def _small(pixels: np.ndarray) -> np.ndarray:
    return reduced(pixels, SIDE, where="images to compare") if pixels.shape[1] > SIDE else pixels


def _hashes(pixels: np.ndarray) -> np.ndarray:
    thumbs = [thumbnail(image) for image in np.ascontiguousarray(pixels)]
    return perceptual_hash(np.stack(thumbs)) if thumbs else np.empty(0, np.uint64)


@dataclass(frozen=True)
class Threshold:
    """What makes an image of a class a copy; either is enough.

    Attributes:
        lpips: at this distance to the nearest real image, or nearer.
        bits: at this Hamming distance, or nearer; -1 where the hash tells nothing.
        note: what a person should know about it, or empty.
    """

    lpips: float
    bits: int
    note: str


def thresholds(apart: Mapping[str, NearestDistances | None], *, quantile: float) -> dict[str, Threshold]:
    """By class, from how near real images of different cells come to one another.

    LPIPS: the quantile, within the class, of the distance of each image to its nearest other. Hash: below the same
    quantile, and below that of all classes together, which a class of few images would put too high. Strictly below,
    since in 64 bits many images are at the quantile itself.

    Args:
        apart: class -> how near its images come to one another (`NearestImageIndex.nearest_others`); None for a single image.
        quantile: share of the real images that may pass for copies of one another, 0 to 1.

    Raises:
        InputError: no class has two images.
    """
    known = {label: found for label, found in apart.items() if found is not None}
    if not known:
        problem = "no class has two, so nothing tells how near different cells come to one another"
        raise InputError("real training images", problem, "Add images, or serve classes that have some")
    bits_of_all = np.quantile(np.concatenate([found.bits for found in known.values()]), quantile)
    return {label: _threshold(label, known, float(bits_of_all), quantile) for label in apart}


def _threshold(label: str, known: Mapping[str, NearestDistances], bits_of_all: float, quantile: float) -> Threshold:
    others = [found for name, found in known.items() if name != label]
    basis, note = [known[label]] if label in known else [], ""
    if label not in known or len(known[label].lpips) < FEWEST:
        basis, note = others or basis, "too few real images to tell copies by: the distances within other classes do"
    lpips = float(np.quantile(np.concatenate([found.lpips for found in basis]), quantile))
    bits = min(bits_of_all, float(np.quantile(np.concatenate([found.bits for found in basis]), quantile)))
    return Threshold(max(lpips, LEAST_LPIPS), int(np.ceil(bits)) - 1, note)


class CopyDetector:
    """The real training images that generated ones are compared with, and what counts as a copy of one.

    Attributes:
        pixels: class -> the images, RGB uint8 (m, size, size, 3).
        ids: class -> their image ids, str (m,).
        thresholds: class -> `Threshold`.
    """

    def __init__(
        self,
        pixels: Mapping[str, np.ndarray],
        ids: Mapping[str, np.ndarray],
        apart: Mapping[str, NearestDistances | None],
        perceptual: LPIPSModel,
        *,
        quantile: float,
        have: Mapping[str, int],
    ) -> None:
        """Tell what a copy is by how near the real images come to one another.

        Args:
            pixels: class -> images at the working size.
            ids: class -> their image ids.
            apart: class -> how near they come to one another, of these classes and any others.
            perceptual: LPIPS.
            quantile: see `thresholds`.
            have: class -> real training images there are, these and those that are not compared with.

        Raises:
            InputError: no class has two images.
        """
        self._perceptual, self._have = perceptual, have
        self._image_index: tuple[str, NearestImageIndex] | None = None
        self.pixels, self.ids = pixels, ids
        self.thresholds = thresholds(apart, quantile=quantile)

    def image_index(self, label: str) -> NearestImageIndex:
        """The images of a class, ready to be searched; kept until another class is asked for.

        Raises:
            InputError: there is no real training image of the class.
        """
        if label not in self.pixels:
            problem = "has no real training image, so nothing says what its images should be like"
            raise InputError(f"class {label}", problem, f"Take one of {', '.join(self.pixels)}")
        if self._image_index is None or self._image_index[0] != label:
            self._image_index = None  # makes room first
            self._image_index = label, NearestImageIndex(self.pixels[label], self._perceptual)
        return self._image_index[1]

    def search(self, pixels: np.ndarray, label: str) -> tuple[NearestImages, np.ndarray]:
        """The nearest real image of a class to each image, and whether it makes the image a copy, bool (n,)."""
        found = self.image_index(label).nearest(pixels)
        limit = self.thresholds[label]
        return found, (found.lpips <= limit.lpips) | (found.bits <= limit.bits)

    def notes(self) -> dict[str, list[str]]:
        """Class -> what a person should know about its search."""
        said = {}
        for label, pixels in self.pixels.items():
            note = self.thresholds[label].note
            said[label] = [note] if note else []
            if self._have[label] > len(pixels):
                said[label].append(f"compared with {len(pixels)} of {self._have[label]} real training images")
        return said
