"""Colour transfer by mean and standard deviation (Reinhard et al. 2001, IEEE Comput. Graph. Appl. 21(5):34).

In CIELAB, as in implementations for histology, instead of the paper's logarithmic colour space.
"""

import numpy as np

from hemabalance.metrics.cielab import lab_of, srgb_of
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
        statistics = images.measure(lambda image: self._statistics(lab_of(image)), what="Reinhard: statistics")
        if not statistics:
            return None
        mean, deviation = np.mean(statistics, axis=0)
        return {"mean": mean, "deviation": deviation}

    def recolour(self, image: np.ndarray, source: StainProfile, target: StainProfile) -> np.ndarray | None:
        """Shift and scale each of L*, a*, b*; colours outside sRGB are clipped."""
        lab = lab_of(image)
        statistics = self._statistics(lab)
        if statistics is None:
            return None
        mean, deviation = statistics if self.settings.source == "image" else (source["mean"], source["deviation"])
        gain = target["deviation"] / deviation
        lab *= gain[:, None]
        lab += (target["mean"] - gain * mean)[:, None]
        return srgb_of(lab).reshape(image.shape)

    def _statistics(self, lab: F32) -> F32 | None:
        mean = lab.mean(axis=1)
        centred = lab - mean[:, None]
        deviation = np.sqrt(np.array([channel @ channel for channel in centred]) / lab.shape[1])
        if deviation[0] < self.settings.least_contrast or deviation[1:].min() < _MIN_DEVIATION:
            return None
        return np.stack((mean, deviation))


def build(settings: ReinhardSettings, *, size: int, runtime: Runtime) -> Normalizer:
    """An unfitted normaliser."""
    return ClassicalNormalizer(Reinhard(settings), settings.fit_images, description("reinhard", settings, size))
