"""Training settings of the classifier networks; part of the config, so PyTorch is not imported here."""

from pydantic import Field

from hemabalance.section import Count, Share
from hemabalance.training.settings import Decay, NetworkTraining, Rate, Strength


class TrainingSettings(NetworkTraining):
    """Training of every classifier network on a balanced set (thesis §3.7: 200 epochs of 256 iterations)."""

    batch: int = Field(64, ge=2)
    """Images per step; two or more, for batch normalisation."""
    steps: Count = 51_200
    """Maximum number of training steps."""
    lr: Rate = 1e-3
    """Learning rate of AdamW after warm-up."""
    weight_decay: float = Field(0.05, ge=0)
    """Weight decay of AdamW, applied to the weights of convolutions and linear layers only."""
    warmup_share: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises from 0, before it falls to 0 in half a cosine."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of each target that is spread over all classes."""
    drop_rate: float = Field(0.2, ge=0, lt=1)
    """Dropout rate of the features before the last layer."""
    average_decay: Decay = 0.999
    """The saved network is an exponential average of the trained one, with at most this decay, which is (1 + step) /
    (10 + step) in the first steps; 0: the trained network itself."""
    patience: int = Field(40, ge=0)
    """Consecutive validations without a lower cross-entropy after which training ends; 0: never."""
    validate_every: Count = 256
    """Steps between two validations."""
    balanced: bool = False
    """Sample all classes equally often; false: sample all images equally often."""
    rotate: Share = 0.3
    """Share of the images rotated by an arbitrary angle, in addition to the eight poses."""
    colour_strength: Strength = 0.1
    """Strength of the random colour augmentation."""
    blur_strength: Strength = 0.1
    """Strength of the random blur."""
    log_every: Count = 64
    """Steps between two lines of the history."""
    checkpoint_every: Count = 512
    """Steps between two checkpoints."""
