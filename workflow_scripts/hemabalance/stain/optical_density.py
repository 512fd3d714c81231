"""Two stains by their optical density: what Macenko's and Vahadane's methods share.

Light that passes stain falls off exponentially, I = I0 exp(-density), and densities of stains add (Ruifrok and
Johnston 2001, Anal. Quant. Cytol. Histol. 23:291). Both methods find the colours of two stains in an image, how much
of each a pixel holds, and render those amounts in the stain colours of the target. They differ in how they find both.

As published, I0 is white. Where the empty slide has a colour, peach say, its density then counts as stain and takes
part in the search; so I0 may also be estimated.
"""

from collections.abc import Callable

import numpy as np

from hemabalance.stain.classical import F32, BalancedSubset, StainProfile
from hemabalance.stain.settings import TwoStainSettings

FindStains = Callable[[F32], F32 | None]
"""Densities (3, n) -> unit stain vectors as rows (2, 3), the nuclear stain first, or None where there are no two."""

FindAmounts = Callable[[F32, F32], F32]
"""Densities (3, n), stains (2, 3) -> amounts (2, n)."""

_MINUS_LOG = -np.log(np.maximum(np.arange(256), 1)).astype(np.float32)
_WHITE = np.full(3, 255, np.float32)
_TOP = 99  # percentile that stands for the greatest amount, as specks move it less than the maximum
_LEAST_ANGLE = 0.05  # rad; between stains closer than this, amounts are noise
_LEAST_DENSITY = -6  # brighter than white whatever the background


class StainSeparation:
    """A `ClassicalMethod` from a way to find stains and one to find amounts."""

    def __init__(
        self, settings: TwoStainSettings, find_stains: FindStains, find_amounts: FindAmounts, what: str
    ) -> None:
        self.settings, self.what = settings, what
        self.find_stains, self.find_amounts = find_stains, find_amounts

    def describe(self, images: BalancedSubset) -> StainProfile | None:
        """Background `light` (3,), `stains` (2, 3) found in pixels pooled over images, and `scale` (2,).

        The scale is the mean over images of an image's own, since images are what is brought to it.
        """
        light = np.median(images.measure(self._background, what=f"{self.what}: background"), axis=0)
        profile = {"light": light.astype(np.float32)}
        each = max(self.settings.fit_pixels // len(images), 1)
        pixels = images.measure(lambda image: self._some_stained(image, profile, each), what=f"{self.what}: stains")
        stains = self.find_stains(np.concatenate(pixels, axis=1)) if pixels else None
        if stains is None:
            return None
        scales = images.measure(lambda image: self._scale(image, profile, stains), what=f"{self.what}: amounts")
        scale = np.mean(scales, axis=0)
        return {**profile, "stains": stains, "scale": scale} if scale.min() >= self.settings.beta else None

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """Render an image's amounts of stain, scaled, with the target's stains before the target's background."""
        density = self._density(image, source)
        stained = self._stained(density)
        fixed = self.settings.source == "domain"
        stains = None if stained is None else source["stains"] if fixed else self.find_stains(stained)
        if stains is None:
            return None
        amounts = self.find_amounts(density, stains)
        scale = source["scale"] if fixed else _top(amounts)
        if scale.min() < self.settings.beta:  # one of the two stains is not there to be scaled
            return None
        rendered = (target["stains"].T * (target["scale"] / scale)) @ amounts
        light = target["light"][:, None] * np.exp(-np.maximum(rendered, _LEAST_DENSITY))
        out: np.ndarray = np.rint(np.minimum(light, 255)).astype(np.uint8).T.reshape(image.shape)
        return out

    def _background(self, image: np.ndarray) -> F32:
        if self.settings.light == "white":
            return _WHITE
        pixels = image.reshape(-1, 3)
        brightness = pixels.sum(axis=1, dtype=np.float32)
        brightest = pixels[brightness >= np.percentile(brightness, self.settings.background_percentile)]
        light: F32 = np.median(brightest, axis=0).astype(np.float32)
        return light

    def _density(self, image: np.ndarray, profile: StainProfile) -> F32:
        light = self._background(image) if self.settings.light == "image" else profile["light"]
        density: F32 = np.take(_MINUS_LOG, image.reshape(-1, 3).T) + np.log(np.maximum(light, 1))[:, None]
        return density

    def _stained(self, density: F32) -> F32 | None:
        stained = (density >= self.settings.beta).all(axis=0)
        enough = np.count_nonzero(stained) >= max(self.settings.least_stained * stained.size, 2)
        return density[:, stained] if enough else None

    def _some_stained(self, image: np.ndarray, profile: StainProfile, most: int) -> F32 | None:
        stained = self._stained(self._density(image, profile))
        if stained is None or stained.shape[1] <= most:
            return stained
        return stained[:, np.linspace(0, stained.shape[1] - 1, most).astype(int)]

    def _scale(self, image: np.ndarray, profile: StainProfile, stains: F32) -> F32 | None:
        density = self._density(image, profile)
        return None if self._stained(density) is None else _top(self.find_amounts(density, stains))


def extreme_stains(density: F32, alpha: float) -> F32 | None:
    """The directions at the `alpha`-th and `100 - alpha`-th percentile of angle, in the densities' plane.

    Args:
        density: (3, n) of stained pixels.
        alpha: percent, 0..50.

    Returns:
        (2, 3) unit vectors, the nuclear stain first; None where there are no two directions.
    """
    plane = np.linalg.eigh(density @ density.T)[1][:, 1:].astype(np.float32)
    # All densities lie on one side of the first axis, that of the mean, so that no angle wraps around at pi.
    second, first = plane.T @ density
    angles = np.percentile(np.arctan2(first, second), (alpha, 100 - alpha))
    return two_stains(np.stack((np.cos(angles), np.sin(angles)), axis=1) @ plane.T)


def two_stains(vectors: F32) -> F32 | None:
    """Unit vectors (2, 3), the nuclear stain first; None where they point the same way.

    In blood smears that is the one that absorbs less blue: azure beside eosin and haemoglobin. (More red, as in the
    reference code, tells haematoxylin from eosin, but not azure from haemoglobin.)
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.linalg.norm(np.cross(unit[0], unit[1])) >= np.sin(_LEAST_ANGLE):  # as NaN compares false
        return None
    ordered: F32 = unit[np.argsort(unit[:, 2])].astype(np.float32)
    return ordered


def _top(amounts: F32) -> F32:
    top: F32 = np.percentile(amounts, _TOP, axis=1).astype(np.float32)
    return top
