"""Settings of the small classifier that judges images; PyTorch is not imported here, as the config holds them too."""

from pydantic import Field

from hemabalance.section import Count
from hemabalance.training.settings import NetworkTraining, Rate


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
