"""Rows of tables of measured values with their intervals; values that are not available are None."""

from typing import Any

import numpy as np

from hemabalance.metrics.fid import fid
from hemabalance.metrics.intervals import Interval, bootstrap_mean
from hemabalance.metrics.kid import kid


def interval_row(name: str, interval: Interval) -> dict[str, float | None]:
    """A value with its interval as `name`, `name_low`, `name_high`."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def mean_row(name: str, values: np.ndarray, *, seed: int) -> dict[str, float | None]:
    """The mean of values with its bootstrap interval as `name`, `name_low`, `name_high`."""
    return interval_row(name, bootstrap_mean(values, seed=seed))


def distance_row(real: np.ndarray, generated: np.ndarray, *, kid_subset: int, seed: int) -> dict[str, Any]:
    """FID and KID between two sets of Inception features: `n_real, n_generated, fid, kid, kid_std, reason`."""
    frechet, kernel = fid(generated, real), kid(generated, real, subset_size=kid_subset, seed=seed)
    return {
        "n_real": len(real),
        "n_generated": len(generated),
        "fid": frechet.value,
        "kid": kernel.value,
        "kid_std": kernel.std,
        "reason": frechet.reason or kernel.reason,
    }
