"""The kernel inception distance between two sets of images (Binkowski et al. 2018), computed by torch-fidelity."""

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
"""Least number of images per set."""


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance; if `value` and `std` are None, `reason` says why.

    Attributes:
        value: mean over subsets. Unbiased, so it may be slightly below 0 for two sets from one distribution.
        std: standard deviation over the subsets.
        subset_size: images per set in each subset.
        n_1, n_2: number of images of each set.
        reason: why there is no value, else None.
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
        subset_size: images per subset (1000 in the literature), reduced to half of the smaller set: subsets as large as
            the set are all identical, and their spread of 0 would be mistaken for certainty.
        seed: seed of the subsets.

    Returns:
        No value if a set has fewer than 10 images.
    """
    n_1, n_2 = len(features_1), len(features_2)
    smallest_set = min(n_1, n_2)
    if smallest_set < FEWEST:
        return KernelDistance(
            None, None, None, n_1, n_2, f"{smallest_set} images are too few: it takes {FEWEST} on each side"
        )
    actual_size = min(subset_size, smallest_set // 2)
    metrics = kid_features_to_metric(
        torch.tensor(features_1),
        torch.tensor(features_2),
        kid_subsets=SUBSETS,
        kid_subset_size=actual_size,
        rng_seed=seed,
        verbose=False,
    )
    return KernelDistance(metrics[KEY_METRIC_KID_MEAN], metrics[KEY_METRIC_KID_STD], actual_size, n_1, n_2, None)
