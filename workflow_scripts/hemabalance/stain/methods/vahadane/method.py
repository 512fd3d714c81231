"""Stains by sparse non-negative matrix factorisation (Vahadane et al. 2016, IEEE Trans. Med. Imaging 35:1962).

    min over W, H of  ||V - W H||^2 / 2 + sparsity * sum(H),   W, H >= 0, columns of W of length 1 (Eq. 5)

by turns (Mairal et al. 2010, J. Mach. Learn. Res. 11:19, which the authors' code uses through SPAMS). With two stains
the sparse code of a pixel has a closed form. The search starts at Macenko's vectors, so that it needs no seed.
"""

from functools import partial

import numpy as np

from hemabalance.stain.classical import F32, ClassicalNormalizer, description
from hemabalance.stain.methods.vahadane import VahadaneSettings
from hemabalance.stain.normalizer import Normalizer
from hemabalance.stain.optical_density import StainSeparation, extreme_stains, two_stains
from hemabalance.training.device import Runtime

_START_ALPHA = 1
_MOST_TURNS = 200
_SETTLED = 1e-4  # change of a stain vector


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
    """The two stains that explain densities (3, n) with least error and amount.

    Returns:
        (2, 3) unit vectors, none of them negative, the nuclear stain first; None where there are no two.
    """
    start = extreme_stains(density, _START_ALPHA)
    if start is None:
        return None
    stains = np.maximum(start, 0)
    for _ in range(_MOST_TURNS):
        before = stains.copy()
        amounts = sparse_amounts(density, stains, sparsity)
        together, explained = amounts @ amounts.T, amounts @ density.T
        for k in range(2):
            if together[k, k] > 0:
                better = np.maximum(stains[k] + (explained[k] - together[k] @ stains) / together[k, k], 0)
                length = np.linalg.norm(better)
                stains[k] = better / length if length > 0 else stains[k]
        if np.abs(stains - before).max() < _SETTLED:
            break
    return two_stains(stains)


def sparse_amounts(density: F32, stains: F32, sparsity: float) -> F32:
    """The least of ||density - stains.T h||^2 / 2 + sparsity * sum(h) over h >= 0, for each pixel.

    Args:
        density: (3, n).
        stains: (2, 3), unit vectors without negative entries.
        sparsity: at least 0.

    Returns:
        (2, n): where the free optimum has a negative amount, that one is 0 and the other optimal alone.
    """
    alone = stains @ density - np.float32(sparsity)
    overlap = stains[0] @ stains[1]
    both = alone - overlap * alone[::-1]
    amounts: F32 = np.where(both[::-1] > 0, np.maximum(both, 0) / (1 - overlap * overlap), np.maximum(alone, 0))
    return amounts
