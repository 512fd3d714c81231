"""Stain vectors as robust extremes of angle (Macenko et al. 2009, IEEE Int. Symp. Biomed. Imaging, 1107).

torchstain's version agrees where there are two stains and white light, as the tests show. It cannot serve: it takes one
I0 for all channels and one target image, centres the densities before it seeks their plane (the paper does not; with
more than two dyes that moves the plane), orders stains as for haematoxylin and eosin, and makes NaN of blank images.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from hemabalance.stain.classical import F32, Classical
from hemabalance.stain.normalizer import Normalizer
from hemabalance.stain.optical_density import StainSeparation, TwoStains, two_stains
from hemabalance.training.device import Runtime

INVERTIBLE = False
PAIRED = False


def build(settings: Mapping[str, Any], *, size: int, runtime: Runtime) -> Normalizer:
    """An unfitted normaliser.

    Args:
        settings: the attributes of `TwoStains`, and `alpha`: the percentile of the angle, and its complement, at which
            the two stains lie.
        size: of the images; recorded.
        runtime: not used.
    """
    shared = {name: value for name, value in settings.items() if name != "alpha"}
    recipe = StainSeparation(
        TwoStains(**shared), partial(extreme_stains, alpha=settings["alpha"]), least_squares, "Macenko"
    )
    description = {"method": "macenko", "settings": dict(settings), "size": size}
    return Classical(recipe, recipe.settings.fit_images, description)


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


def least_squares(density: F32, stains: F32) -> F32:
    """Amounts (2, n) of `stains` (2, 3) that come closest to densities (3, n)."""
    return np.linalg.pinv(stains.T).astype(np.float32, copy=False) @ density
