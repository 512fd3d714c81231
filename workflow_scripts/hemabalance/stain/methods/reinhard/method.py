"""Colour transfer by mean and standard deviation (Reinhard et al. 2001, IEEE Comput. Graph. Appl. 21(5):34).

In CIELAB, as histology's implementations have it, instead of the paper's own logarithmic space.
"""

import numpy as np
from skimage.color import lab2rgb, rgb2lab

from hemabalance.stain.classical import F32, BalancedSubset, ClassicalNormalizer, StainProfile, description
from hemabalance.stain.methods.reinhard import ReinhardSettings
from hemabalance.stain.normalizer import Normalizer
from hemabalance.training.device import Runtime

_GREY = 0.05  # standard deviation of a* and b* under which there is rounding alone to stretch


class Reinhard:
    """The `ClassicalMethod`."""

    def __init__(self, settings: ReinhardSettings) -> None:
        self.settings = settings

    def describe(self, images: BalancedSubset) -> StainProfile | None:
        """The means over images of an image's mean and deviation in L*, a*, b*: (3,) each."""
        found = images.measure(lambda image: self._statistics(_lab(image)), what="Reinhard: statistics")
        if not found:
            return None
        mean, deviation = np.mean(found, axis=0)
        return {"mean": mean, "deviation": deviation}

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """Shift and stretch each of L*, a*, b*; what sRGB cannot show is clipped."""
        lab = _lab(image)
        statistics = self._statistics(lab)
        if statistics is None:
            return None
        mean, deviation = statistics if self.settings.source == "image" else (source["mean"], source["deviation"])
        moved = (lab - mean) * (target["deviation"] / deviation) + target["mean"]
        # Yellower than this, Z is negative: clipped here, as skimage would with a warning an image.
        moved[..., 2] = np.minimum(moved[..., 2], (moved[..., 0] + 16) * (200 / 116) - 1e-3)
        out: np.ndarray = np.rint(lab2rgb(moved) * 255).astype(np.uint8)
        return out

    def _statistics(self, lab: F32) -> F32 | None:
        deviation = lab.std(axis=(0, 1))
        if deviation[0] < self.settings.least_contrast or deviation[1:].min() < _GREY:
            return None
        return np.stack((lab.mean(axis=(0, 1)), deviation))


def _lab(image: np.ndarray) -> F32:
    lab: F32 = rgb2lab(image / np.float32(255))
    return lab


def build(settings: ReinhardSettings, *, size: int, runtime: Runtime) -> Normalizer:
    """An unfitted normaliser."""
    return ClassicalNormalizer(Reinhard(settings), settings.fit_images, description("reinhard", settings, size))
