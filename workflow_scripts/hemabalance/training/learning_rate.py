"""How learning rates fall."""

from collections.abc import Callable


def linear_decay(steps: int, decay_from: float) -> Callable[[int], float]:
    """The learning rate after so many steps, as a share: 1, and from `decay_from` of the steps on linearly to 0."""
    first = round(decay_from * steps)
    return lambda done: 1.0 if done < first else (steps - done) / max(steps - first, 1)
