"""Settings of the methods that train one unconditional network for each class; PyTorch is not imported here."""

from pydantic import Field

from hemabalance.section import Beta, Count, Share
from hemabalance.synthesis.settings import Latent, SynthesisTraining, Width
from hemabalance.training.settings import Decay, Rate


class PerClassSettings(SynthesisTraining):
    """Settings that methods with one generator and one discriminator for each class share."""

    latent: Latent = 100
    """Length of a latent vector."""
    width: Width = 64
    """Channels of the finest feature map of each generator; each halving of the side doubles them, up to 8 times."""
    discriminator_width: Width = 64
    """Channels of the finest feature map of each discriminator; each halving of the side doubles them."""
    lr: Rate = 2e-4
    """Adam's learning rate for all networks."""
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    """Adam's beta1 and beta2."""
    batch: int = Field(64, ge=1)
    """Images of one class per update; fewer if the class has fewer."""
    steps: Count = 40_000
    """Updates of all generators together: each of K classes gets the K-th part."""
    average_decay: Decay = 0.999
    """Decay of the exponential moving average of each generator that is kept; 0 keeps the last weights."""
    decay_from: Share = 0.5
    """Share of the steps after which the learning rates fall linearly to 0; 1 keeps them constant."""
