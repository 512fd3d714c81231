"""What an interval of a difference says, and how many trainings an answer needs."""

from hemabalance.metrics.resampling import Estimate

EQUIVALENT = 0.02
"""Differences up to this size, in either direction, count as none."""

ENOUGH_DRAWS, ENOUGH_SEEDS = 5, 3
"""Draws of the n images, and initialisations of each, below which an answer is preliminary."""

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


def is_preliminary(draws: int, seeds: int) -> bool:
    """Whether there are too few trainings for an answer: single ones scatter by more than the differences sought."""
    return draws < ENOUGH_DRAWS or seeds < ENOUGH_SEEDS
