"""How networks that classify are trained; the config holds these settings too, so PyTorch is not imported here."""

from pydantic import Field

from hemabalance.section import Count, Share
from hemabalance.training.settings import Decay, NetworkTraining, Rate, Strength


class TrainingSettings(NetworkTraining):
    """How every network is trained on a balanced set (thesis §3.7: 200 epochs of 256 iterations)."""

    batch: int = Field(64, ge=2)
    """Images a step; two or more, for batch normalisation."""
    steps: Count = 51_200
    """Steps of training at most."""
    lr: Rate = 1e-3
    """AdamW's learning rate after warm-up."""
    weight_decay: float = Field(0.05, ge=0)
    """AdamW's, on weights of convolutions and linear layers alone."""
    warmup_share: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises from 0, before it falls to 0 in half a cosine."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of each target that is spread over all classes."""
    drop_rate: float = Field(0.2, ge=0, lt=1)
    """Share of the features that is left out before the last layer."""
    average_decay: Decay = 0.999
    """The network used is an exponential average of the one trained, of at most this decay, which is (1 + step) /
    (10 + step) in the first steps; 0: the one trained."""
    patience: int = Field(40, ge=0)
    """Validations in a row without a lower cross-entropy after which training ends; 0: never."""
    validate_every: Count = 256
    """Steps between two validations."""
    balanced: bool = False
    """Draw classes in equal shares, whatever the set holds; false: images."""
    rotate: Share = 0.3
    """Share of the images turned by any angle, besides the eight poses."""
    colour_strength: Strength = 0.1
    """Strength of random colours."""
    blur_strength: Strength = 0.1
    """Strength of random blur."""
    log_every: Count = 64
    """Steps between two lines of the history."""
    checkpoint_every: Count = 512
    """Steps between two resume points."""
