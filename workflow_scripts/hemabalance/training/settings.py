"""Settings that every training has; PyTorch is not imported here, as the config holds them too."""

from typing import Annotated

from pydantic import Field

from hemabalance.section import Count, Section

Decay = Annotated[float, Field(ge=0, lt=1)]
Strength = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]

WITHOUT_EFFECT = ("memory_budget", "log_every", "checkpoint_every")
"""Settings that change nothing of what a training finds: one that is resumed may have others than before."""


class NetworkTraining(Section):
    """What every training of networks has."""

    memory_budget: int = Field(8 * 2**30, ge=0)
    """Bytes that the training images may take on the device; else they are read as needed."""
    log_every: Count = 100
    """Steps between two lines of the history."""
    checkpoint_every: Count = 1000
    """Steps between two resume points."""
