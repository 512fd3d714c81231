"""Stains by sparse non-negative matrix factorisation (Vahadane et al. 2016, IEEE Trans. Med. Imaging 35:1962).

    min over W, H of  ||V - W H||^2 / 2 + sparsity * sum(H),   W, H >= 0, columns of W of length 1 (Eq. 5)

minimised alternately over W and H (Mairal et al. 2010, J. Mach. Learn. Res. 11:19, which the authors' code uses through
SPAMS). With two stains the sparse code of a pixel has a closed form. The iteration starts at Macenko's vectors, so that
it needs no seed.
"""

from functools import partial

import numpy as np

from hemabalance.stain.classical import F32, ClassicalNormalizer, description
from hemabalance.stain.methods.vahadane import VahadaneSettings
from hemabalance.stain.normalizer import Normalizer
from hemabalance.stain.optical_density import StainSeparation, extreme_stains, two_stains
from hemabalance.training.device import Runtime

_START_ALPHA = 1
_MAX_ITERATIONS = 200
_TOLERANCE = 1e-4  # change of a stain vector


def build(settings: VahadaneSettings, *, size: int, runtime: Runtime) -> Normalizer:
    """An unfitted normaliser."""
    method = StainSeparation(
        settings,
        partial(sparse_stains, sparsity=settings.sparsity),
        partial(sparse_amounts, sparsity=settings.amounts_sparsity),
        "Vahadane",
    )
    return ClassicalNormalizer(method, settings.fit_images, description("vahadane", settings, size))


def sparse_stains(density: F32, sparsity: float) -> F32 | None:
    """The two stains that minimise squared error and sparsity penalty on densities (3, n).

    Returns:
        (2, 3) non-negative unit vectors, the nuclear stain first; None if two stains cannot be found.
    """
    start = extreme_stains(density, _START_ALPHA)
    if start is None:
        return None
    stains = np.maximum(start, 0)
    for _ in range(_MAX_ITERATIONS):
        previous = stains.copy()
        amounts = sparse_amounts(density, stains, sparsity)
        gram, correlation = amounts @ amounts.T, amounts @ density.T
        for k in range(2):
            if gram[k, k] > 0:
                updated = np.maximum(stains[k] + (correlation[k] - gram[k] @ stains) / gram[k, k], 0)
                length = np.linalg.norm(updated)
                stains[k] = updated / length if length > 0 else stains[k]
        if np.abs(stains - previous).max() < _TOLERANCE:
            break
    return two_stains(stains)


def sparse_amounts(density: F32, stains: F32, sparsity: float) -> F32:
    """The h >= 0 that minimises ||density - stains.T h||^2 / 2 + sparsity * sum(h), for each pixel.

    Args:
        density: (3, n).
        stains: (2, 3), non-negative unit vectors.
        sparsity: at least 0.

    Returns:
        Amounts (2, n). Where the unconstrained optimum has a negative amount, this amount is 0 and the other one is the
        optimum of that stain by itself.
    """
    single = stains @ density - np.float32(sparsity)
    overlap = stains[0] @ stains[1]
    joint = single - overlap * single[::-1]
    amounts: F32 = np.where(joint[::-1] > 0, np.maximum(joint, 0) / (1 - overlap * overlap), np.maximum(single, 0))
    return amounts
