"""Measured values as they stand in tables: each beside its interval, None where there is none."""

from typing import Any

import numpy as np

from hemabalance.metrics.fid import fid
from hemabalance.metrics.intervals import Interval, bootstrap_mean
from hemabalance.metrics.kid import kid


def interval_row(name: str, found: Interval) -> dict[str, float | None]:
    """`name`, `name_low`, `name_high` of a value."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def mean_row(name: str, values: np.ndarray, *, seed: int) -> dict[str, float | None]:
    """`name`, `name_low`, `name_high` of the mean of values."""
    return interval_row(name, bootstrap_mean(values, seed=seed))


def distance_row(real: np.ndarray, made: np.ndarray, *, kid_subset: int, seed: int) -> dict[str, Any]:
    """Distances between two sets of Inception features: `n_real, n_generated, fid, kid, kid_std, reason`."""
    frechet, kernel = fid(made, real), kid(made, real, subset_size=kid_subset, seed=seed)
    return {
        "n_real": len(real),
        "n_generated": len(made),
        "fid": frechet.value,
        "kid": kernel.value,
        "kid_std": kernel.std,
        "reason": frechet.reason or kernel.reason,
    }
