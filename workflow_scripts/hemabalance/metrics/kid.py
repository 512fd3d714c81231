"""The kernel inception distance between two sets of images (Binkowski et al. 2018), through torch-fidelity."""

from dataclasses import dataclass

import numpy as np
import torch

from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()

from torch_fidelity.metric_kid import (  # noqa: E402
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_KID_STD,
    kid_features_to_metric,
)

SUBSETS = 100
FEWEST = 10


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance; `value` and `std` are None where `reason` says why.

    Attributes:
        value: mean over subsets. Unbiased, so of two sets from one distribution it may lie slightly below 0.
        std: standard deviation over the subsets, each of `subset_size` images a set.
        n_1, n_2: images of each set.
    """

    value: float | None
    std: float | None
    subset_size: int | None
    n_1: int
    n_2: int
    reason: str | None


def kid(features_1: np.ndarray, features_2: np.ndarray, *, subset_size: int, seed: int) -> KernelDistance:
    """The unbiased squared maximum mean discrepancy under the kernel (x'y / k + 1)^3, over 100 random subsets.

    Args:
        features_1: float (n_1, k), finite.
        features_2: float (n_2, k), finite.
        subset_size: images a subset (1000 in the literature), at most half of the smaller set: subsets as large as
            the set itself are all the same, and their spread of 0 would pass for certainty.
        seed: of the subsets.

    Returns:
        No value for a set under 10 images.
    """
    n_1, n_2 = len(features_1), len(features_2)
    smaller = min(n_1, n_2)
    if smaller < FEWEST:
        return KernelDistance(
            None, None, None, n_1, n_2, f"{smaller} images are too few: it takes {FEWEST} on each side"
        )
    size = min(subset_size, smaller // 2)
    found = kid_features_to_metric(
        torch.tensor(features_1),
        torch.tensor(features_2),
        kid_subsets=SUBSETS,
        kid_subset_size=size,
        rng_seed=seed,
        verbose=False,
    )
    return KernelDistance(found[KEY_METRIC_KID_MEAN], found[KEY_METRIC_KID_STD], size, n_1, n_2, None)
