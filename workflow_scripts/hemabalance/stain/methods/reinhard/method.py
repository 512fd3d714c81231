"""Colour transfer by mean and standard deviation (Reinhard et al. 2001, IEEE Comput. Graph. Appl. 21(5):34).

In CIELAB, as in implementations for histology, instead of the paper's logarithmic colour space.
"""

import numpy as np
from skimage.color import lab2rgb, rgb2lab

from hemabalance.stain.classical import F32, BalancedSubset, ClassicalNormalizer, StainProfile, description
from hemabalance.stain.methods.reinhard import ReinhardSettings
from hemabalance.stain.normalizer import Normalizer
from hemabalance.training.device import Runtime

_MIN_DEVIATION = 0.05  # standard deviation of a* and b* below which the values differ only by rounding


class Reinhard:
    """The `ClassicalMethod`."""

    def __init__(self, settings: ReinhardSettings) -> None:
        self.settings = settings

    def describe(self, images: BalancedSubset) -> StainProfile | None:
        """Mean and standard deviation in L*, a*, b* of single images, averaged over all images: (3,) each."""
        statistics = images.measure(lambda image: self._statistics(_lab(image)), what="Reinhard: statistics")
        if not statistics:
            return None
        mean, deviation = np.mean(statistics, axis=0)
        return {"mean": mean, "deviation": deviation}

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """Shift and scale each of L*, a*, b*; colours outside sRGB are clipped."""
        lab = _lab(image)
        statistics = self._statistics(lab)
        if statistics is None:
            return None
        mean, deviation = statistics if self.settings.source == "image" else (source["mean"], source["deviation"])
        recoloured = (lab - mean) * (target["deviation"] / deviation) + target["mean"]
        # For larger b* Z is negative; skimage would clip it too, but with a warning for each image.
        recoloured[..., 2] = np.minimum(recoloured[..., 2], (recoloured[..., 0] + 16) * (200 / 116) - 1e-3)
        pixels: np.ndarray = np.rint(lab2rgb(recoloured) * 255).astype(np.uint8)
        return pixels

    def _statistics(self, lab: F32) -> F32 | None:
        deviation = lab.std(axis=(0, 1))
        if deviation[0] < self.settings.least_contrast or deviation[1:].min() < _MIN_DEVIATION:
            return None
        return np.stack((lab.mean(axis=(0, 1)), deviation))


def _lab(image: np.ndarray) -> F32:
    lab: F32 = rgb2lab(image / np.float32(255))
    return lab


def build(settings: ReinhardSettings, *, size: int, runtime: Runtime) -> Normalizer:
    """An unfitted normaliser."""
    return ClassicalNormalizer(Reinhard(settings), settings.fit_images, description("reinhard", settings, size))
