"""What an interval of a difference says."""

from hemabalance.metrics.resampling import Estimate

FEW_TEST_IMAGES = 10
"""Test images of a class below which its own scores say little."""

EQUIVALENT = 0.02
"""Differences up to this size, in either direction, count as none."""

GAIN, LOSS, NO_DIFFERENCE, OPEN = (
    "gain shown",
    "loss shown",
    f"no difference beyond ±{EQUIVALENT:.2f}",
    "not answered",
)


def verdict(difference: Estimate) -> str:
    """Reading of a difference: its interval is above 0, below 0, within ±`EQUIVALENT`, or none of these."""
    low, high = difference.low, difference.high
    if low is None or high is None:
        return OPEN
    if low > 0:
        return GAIN
    if high < 0:
        return LOSS
    return NO_DIFFERENCE if max(-low, high) <= EQUIVALENT else OPEN
