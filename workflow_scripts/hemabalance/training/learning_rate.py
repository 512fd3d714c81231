"""Learning-rate schedules."""

from collections.abc import Callable


def linear_decay(steps: int, decay_from: float) -> Callable[[int], float]:
    """A factor of the learning rate as a function of the step: 1 up to `decay_from` * `steps`, then linearly to 0."""
    decay_start = round(decay_from * steps)
    return lambda step: 1.0 if step < decay_start else (steps - step) / max(steps - decay_start, 1)
