"""Settings that all trainings have in common; part of the config, so PyTorch is not imported here."""

from typing import Annotated

from pydantic import Field

from hemabalance.section import Count, Section

Decay = Annotated[float, Field(ge=0, lt=1)]
Strength = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0)]

WITHOUT_EFFECT = ("memory_budget", "log_every", "checkpoint_every")
"""Settings without effect on the trained weights: a training may be resumed with other values of them."""


class NetworkTraining(Section):
    """Settings that all trainings of networks have in common."""

    memory_budget: int = Field(8 * 2**30, ge=0)
    """Bytes that the training images may occupy on the device; larger sets are read batch by batch."""
    log_every: Count = 100
    """Steps between two lines of the history."""
    checkpoint_every: Count = 1000
    """Steps between two checkpoints."""
