"""Settings that every translator has."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """A method adds its own in a subclass.

    Attributes:
        width: channels of the generators' first level.
        critic_width: channels of the critics' first level.
        critic_layers: convolutions of stride 2 in a critic; 3 judges patches of 70 px, 2 of 34 px.
        lr: Adam's learning rate, for generators and critics.
        betas: Adam's two.
        batch: images of each domain a step.
        steps: updates of the generators.
        average_decay: the translators used are an exponential average of those trained; None or 0 for none.
        decay_from: share of the steps after which the learning rate falls linearly to 0; 1.0 keeps it constant.
        augment: draw each image in a random one of its eight poses.
        memory_budget: bytes that the training images may take on the device; else they are read as needed.
        log_every: steps a line of the history.
        checkpoint_every: steps.
    """

    width: int
    critic_width: int
    critic_layers: int
    lr: float
    betas: tuple[float, float]
    batch: int
    steps: int
    average_decay: float | None
    decay_from: float
    augment: bool
    memory_budget: int
    log_every: int
    checkpoint_every: int
