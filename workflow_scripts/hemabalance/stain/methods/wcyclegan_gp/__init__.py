"""W-CycleGAN-GP, the thesis's unpaired translator (§3.4, Eqs. 18-30): cycle consistency against Wasserstein critics."""

from typing import Literal

from pydantic import Field

from hemabalance.section import Beta, Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TranslatorSettings


class WCycleGANGPSettings(TranslatorSettings):
    """W-CycleGAN-GP (thesis §3.4): U-Net generators, Wasserstein critics with gradient penalty."""

    betas: tuple[Beta, Beta] = (0.5, 0.9)
    """Beta1 and beta2 of Adam; 0.9 as in the paper of the gradient penalty."""
    up: Literal["transposed", "resize"] = "resize"
    """Up-sampling of the generators: resize and convolution, or transposed convolutions (thesis; checkerboards)."""
    residual: bool = True
    """The output of a generator is added to its input image, so that an untrained generator changes nothing; false
    (thesis): the output is the image."""
    critic_norm: Literal["instance", "none"] = "instance"
    """Normalisation in the critics; instance as in the thesis."""
    critic_steps: int = Field(2, ge=1, le=20)
    """Updates of the critics per update of the generators, each on new images."""
    lambda_cycle: Weight = 10.0
    """Weight of the cycle loss (Eq. 20)."""
    lambda_identity: Weight = 5.0
    """Weight of the identity loss (Eq. 23)."""
    gp_weight: Weight = 10.0
    """Weight d of the gradient penalty (Eq. 30)."""
    adversarial_weight: Weight = 0.1
    """Weight of the generators' adversarial loss; 1 in the thesis, where the unbounded scores of the critics exceed the
    cycle loss and textures appear in nuclei."""


TRAITS = NormalizerTraits(trains_networks=True, paired=False, invertible=True)
