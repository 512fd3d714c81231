"""Stain vectors at robust extremes of the angle (Macenko et al. 2009, IEEE Int. Symp. Biomed. Imaging, 1107).

torchstain gives the same results with two stains and white light, as the tests show. It is not used because it has one
I0 for all channels and one target image, centres the densities before it estimates their plane (the paper does not;
with more than two dyes the plane changes), orders stains as for haematoxylin and eosin, and returns NaN for blank
images.
"""

from functools import partial

import numpy as np

from hemabalance.stain.classical import F32, ClassicalNormalizer, description
from hemabalance.stain.methods.macenko import MacenkoSettings
from hemabalance.stain.normalizer import Normalizer
from hemabalance.stain.optical_density import StainSeparation, extreme_stains
from hemabalance.training.device import Runtime


def build(settings: MacenkoSettings, *, size: int, runtime: Runtime) -> Normalizer:
    """An unfitted normaliser."""
    method = StainSeparation(settings, partial(extreme_stains, alpha=settings.alpha), least_squares, "Macenko")
    return ClassicalNormalizer(method, settings.fit_images, description("macenko", settings, size))


def least_squares(density: F32, stains: F32) -> F32:
    """Amounts (2, n) of `stains` (2, 3) with the least squared error to densities (3, n)."""
    exact = stains.astype(np.float64)
    amounts: F32 = np.linalg.solve(exact @ exact.T, exact).astype(np.float32) @ density
    return amounts
