"""Learning-rate schedules."""

from collections.abc import Callable


def linear_decay(steps: int, decay_from: float) -> Callable[[int], float]:
    """A factor of the learning rate as a function of the step: 1 up to `decay_from` * `steps`, then linearly to 0."""
    decay_start = round(decay_from * steps)
    return lambda step: 1.0 if step < decay_start else (steps - step) / max(steps - decay_start, 1)


def warmup_and_decay(steps: int, warmup_share: float, decay_from: float) -> Callable[[int], float]:
    """`linear_decay` times a rise from 0 to 1 in the first `warmup_share` * `steps` steps; the first step is not 0."""
    decay, warmup = linear_decay(steps, decay_from), max(round(warmup_share * steps), 1)
    return lambda step: min((step + 1) / warmup, 1.0) * decay(step)
