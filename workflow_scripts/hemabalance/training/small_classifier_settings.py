"""Settings of the small classifier that judges images; part of the config, so PyTorch is not imported here."""

from pydantic import Field

from hemabalance.section import Count
from hemabalance.training.settings import NetworkTraining, Rate


class SmallClassifierSettings(NetworkTraining):
    """A small classifier of fixed architecture that judges images."""

    width: int = Field(32, ge=1, le=256)
    """Channels of the first stage."""
    batch: Count = 64
    """Images per step."""
    steps: int = Field(4000, ge=2)
    """Training steps."""
    lr: Rate = 3e-3
    """Maximum of the one-cycle learning rate."""
    colour_strength: float = Field(0.5, gt=0, le=1)
    """Strength of the random colour augmentation."""
    log_every: Count = 50
    """Steps between two lines of the history."""
    checkpoint_every: Count = 500
    """Steps between two checkpoints."""
