"""Settings that every training has; PyTorch is not imported here, as the config holds them too."""

from typing import Annotated

from pydantic import Field

from hemabalance.config.section import Count, Section

Decay = Annotated[float, Field(ge=0, lt=1)]
Strength = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]

WITHOUT_EFFECT = ("memory_budget", "log_every", "checkpoint_every")
"""Settings of a training that change nothing of what it finds: weights do not record them."""


class NetworkTraining(Section):
    """What every training of networks has."""

    memory_budget: int = Field(8 * 2**30, ge=0)
    """Bytes that the training images may take on the device; else they are read as needed."""
    log_every: Count = 100
    """Steps between two lines of the history."""
    checkpoint_every: Count = 1000
    """Steps between two resume points."""


class SmallClassifierSettings(NetworkTraining):
    """A small fixed classifier that judges images."""

    width: int = Field(32, ge=1, le=256)
    """Channels of its first stage."""
    batch: Count = 64
    """Images a step."""
    steps: int = Field(4000, ge=2)
    """Steps of training."""
    lr: Rate = 3e-3
    """Top of its one-cycle learning rate."""
    colour_strength: float = Field(0.5, gt=0, le=1)
    """Strength of the random colours in its training."""
    log_every: Count = 50
    """Steps between two lines of the history."""
    checkpoint_every: Count = 500
    """Steps between two resume points."""
