"""Separation of two stains by optical density, the common part of Macenko's and Vahadane's methods.

Light that passes through stain is attenuated exponentially, I = I0 exp(-density), and the densities of stains add
(Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23:291). Both methods estimate the colours of two stains in an
image and the amount of each in every pixel, and render these amounts in the stain colours of the target. They differ
in the two estimators.

As published, I0 is white. If the empty slide has a colour, for example peach, its density would then count as stain
and influence the estimate; so I0 may also be estimated.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hemabalance.stain.classical import F32, BalancedSubset, StainProfile
from hemabalance.stain.percentiles import percentile, percentile_of_integers
from hemabalance.stain.settings import TwoStainSettings

U8 = NDArray[np.uint8]

FindStains = Callable[[F32], F32 | None]
"""Densities (3, n) -> unit stain vectors as rows (2, 3), the nuclear stain first, or None if two cannot be found."""

FindAmounts = Callable[[F32, F32], F32]
"""Densities (3, n), stains (2, 3) -> amounts (2, n)."""

_MINUS_LOG = -np.log(np.maximum(np.arange(256), 1)).astype(np.float32)
_WHITE = np.full(3, 255, np.float32)
_SCALE_PERCENTILE = 99  # used as the largest amount: specks influence it less than the maximum
_MIN_ANGLE = 0.05  # rad; between stains closer than this, amounts are noise
_TINY = np.float32(1e-6)  # of a density; its ratio to another is finite
_LOG_BLACK, _LOG_WHITE = np.log(np.array((0.1, 255), np.float32))  # the former is rounded to 0


class StainSeparation:
    """A `ClassicalMethod` with an estimator of stains and an estimator of amounts; `name` is for progress messages."""

    def __init__(
        self, settings: TwoStainSettings, find_stains: FindStains, find_amounts: FindAmounts, name: str
    ) -> None:
        self.settings, self.name = settings, name
        self.find_stains, self.find_amounts = find_stains, find_amounts

    def describe(self, images: BalancedSubset) -> StainProfile | None:
        """Background `light` (3,), `stains` (2, 3) estimated from pixels pooled over images, and `scale` (2,).

        The scale is the mean of the scales of single images, because it is applied to single images.
        """
        lights = images.measure(lambda image: self._background(_channels(image)), what=f"{self.name}: background")
        profile = {"light": np.median(lights, axis=0).astype(np.float32)}
        per_image = max(self.settings.fit_pixels // len(images), 1)
        pixels = images.measure(
            lambda image: self._sample_stained(image, profile, per_image), what=f"{self.name}: stains"
        )
        stains = self.find_stains(np.concatenate(pixels, axis=1)) if pixels else None
        if stains is None:
            return None
        scales = images.measure(lambda image: self._scale(image, profile, stains), what=f"{self.name}: amounts")
        scale = np.mean(scales, axis=0)
        return {**profile, "stains": stains, "scale": scale} if scale.min() >= self.settings.beta else None

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """Render the scaled stain amounts of an image with the target's stains and background."""
        channels = _channels(image)
        density = self._density(channels, source)
        stained = self._stained(density)
        fixed = self.settings.source == "domain"
        stains = None if stained is None else source["stains"] if fixed else self.find_stains(stained)
        if stains is None:
            return None
        amounts = self.find_amounts(density, stains)
        scale = source["scale"] if fixed else _amount_scale(amounts)
        if scale.min() < self.settings.beta:  # one of the two stains is absent and cannot be scaled
            return None
        log_light = (target["stains"].T * (-target["scale"] / scale)) @ amounts
        log_light += _log(target["light"])[:, None]
        light = np.exp(np.clip(log_light, _LOG_BLACK, _LOG_WHITE, out=log_light), out=log_light)
        return np.stack(tuple(np.rint(light, out=light).astype(np.uint8)), axis=1).reshape(image.shape)

    def _background(self, channels: U8) -> F32:
        if self.settings.light == "white":
            return _WHITE
        brightness = channels.sum(axis=0, dtype=np.uint16)
        least = percentile_of_integers(brightness, self.settings.background_percentile)
        brightest = np.compress(brightness >= least, channels, axis=1)
        return np.array([percentile_of_integers(channel, 50) for channel in brightest], np.float32)

    def _density(self, channels: U8, profile: StainProfile) -> F32:
        light = self._background(channels) if self.settings.light == "image" else profile["light"]
        density: F32 = np.take(_MINUS_LOG, channels)
        density += _log(light)[:, None]
        return density

    def _stained(self, density: F32) -> F32 | None:
        stained = (density >= self.settings.beta).all(axis=0)
        enough = np.count_nonzero(stained) >= max(self.settings.least_stained * stained.size, 2)
        return np.compress(stained, density, axis=1) if enough else None

    def _sample_stained(self, image: np.ndarray, profile: StainProfile, max_pixels: int) -> F32 | None:
        """Densities (3, n) of at most `max_pixels` evenly spaced stained pixels; None where too few are stained."""
        stained = self._stained(self._density(_channels(image), profile))
        if stained is None or stained.shape[1] <= max_pixels:
            return stained
        return stained[:, np.linspace(0, stained.shape[1] - 1, max_pixels).astype(int)]

    def _scale(self, image: np.ndarray, profile: StainProfile, stains: F32) -> F32 | None:
        density = self._density(_channels(image), profile)
        return None if self._stained(density) is None else _amount_scale(self.find_amounts(density, stains))


def extreme_stains(density: F32, alpha: float) -> F32 | None:
    """The directions at the `alpha`-th and `100 - alpha`-th percentile of angle, in the plane of the densities.

    Args:
        density: (3, n) of stained pixels.
        alpha: percent, 0..50.

    Returns:
        (2, 3) unit vectors, the nuclear stain first; None if the directions do not differ.
    """
    # Nine products of vectors are several times as fast as one of matrices with so few rows.
    gram = np.array([[one @ other for one in density] for other in density])
    plane = np.linalg.eigh(gram)[1][:, 1:].astype(np.float32)
    # All densities lie on one side of the first axis, the axis of the mean: the ratio orders as the angle does.
    plane[:, 1] *= np.sign(plane[:, 1].sum())
    second, first = plane.T @ density
    second /= np.maximum(first, _TINY, out=first)
    ratios = [percentile(second, percent) for percent in (alpha, 100 - alpha)]
    return two_stains(np.stack((ratios, np.ones(2)), axis=1) @ plane.T)


def two_stains(vectors: F32) -> F32 | None:
    """Unit vectors (2, 3), the nuclear stain first; None if their directions do not differ.

    In blood smears the nuclear stain absorbs less blue: azure compared with eosin and haemoglobin. (The reference code
    takes the stain that absorbs more red, which distinguishes haematoxylin from eosin, but not azure from haemoglobin.)
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if not abs(unit[0] @ unit[1]) <= np.cos(_MIN_ANGLE):  # `not <=`: NaN compares false
        return None
    ordered: F32 = unit[np.argsort(unit[:, 2])].astype(np.float32)
    return ordered


def _amount_scale(amounts: F32) -> F32:
    return np.array([percentile(of_stain, _SCALE_PERCENTILE) for of_stain in amounts], np.float32)


def _channels(image: np.ndarray) -> U8:
    return np.ascontiguousarray(image.reshape(-1, 3).T)


def _log(light: F32) -> F32:
    logarithm: F32 = np.log(np.maximum(light, 1))
    return logarithm
