"""The Inception score (Salimans et al. 2016), computed by torch-fidelity if the canonical logits are available."""

from dataclasses import dataclass

import numpy as np
import torch

from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()

from torch_fidelity.metric_isc import (  # noqa: E402
    KEY_METRIC_ISC_MEAN,
    KEY_METRIC_ISC_STD,
    isc_features_to_metric,
)

SPLITS = 10


@dataclass(frozen=True)
class InceptionScore:
    """An Inception score; if `value` and `std` are None, `reason` says why.

    Attributes:
        value: mean over ten splits, from 1 to the number of classes.
        std: standard deviation over the splits.
        n: number of images.
        reason: why there is no value, else None.
    """

    value: float | None
    std: float | None
    n: int
    reason: str | None


def inception_score(logits: np.ndarray | None) -> InceptionScore:
    """exp(mean of KL(p(y | x) || p(y)) over images x), averaged over ten splits after torch-fidelity's shuffle.

    Args:
        logits: float (n, 1008) of the "inception 2015-12-05" network, without its last bias; None if the available
            weights end at the features, as those of `inception_weights` do.

    Returns:
        No value without logits or with fewer images than splits. Logits of other networks are not used in their place.
    """
    if logits is None:
        reason = "the canonical Inception logits are not among the weights that can be fetched with a checksum"
        return InceptionScore(None, None, 0, reason)
    n = len(logits)
    if n < SPLITS:
        return InceptionScore(None, None, n, f"{n} images are too few: it takes one for each of {SPLITS} splits")
    metrics = isc_features_to_metric(torch.tensor(logits), splits=SPLITS)
    return InceptionScore(metrics[KEY_METRIC_ISC_MEAN], metrics[KEY_METRIC_ISC_STD], n, None)
