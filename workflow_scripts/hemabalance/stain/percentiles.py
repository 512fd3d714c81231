"""Exact percentiles as those of NumPy, several times as fast where a stain normaliser needs them."""

import numpy as np
from numpy.typing import NDArray

from hemabalance.stain.classical import F32


def percentile(values: F32, percent: float) -> float:
    """`np.percentile` of values (n,); several times as fast for percentiles near 0 and 100.

    Only values beyond a bound are sorted; by every 32nd value, about twice the share that is sought lies beyond it.
    """
    if percent < 50:
        return -percentile(-values, 100 - percent)
    sample = values[::32]
    below = int(sample.size * (2 * percent / 100 - 1))
    tail = values[values >= np.partition(sample, below)[below]]
    rank = (values.size - 1) * percent / 100
    if values.size - tail.size > rank:
        tail = values
    rank -= values.size - tail.size
    whole = int(rank)
    ordered = np.partition(tail, whole)
    low, above = ordered[whole], ordered[whole + 1 :]
    return float(low + (rank - whole) * (above.min() - low)) if above.size else float(low)


def percentile_of_integers(values: NDArray[np.integer], percent: float) -> float:
    """`np.percentile` of small integers (n,) at least 0, from their histogram."""
    rank = (values.size - 1) * percent / 100
    low, high = np.searchsorted(np.cumsum(np.bincount(values)), (np.floor(rank), np.ceil(rank)), side="right")
    return float(low + (rank % 1) * (high - low))
