"""The thesis's meta-learned few-shot generator (§3.6, Eqs. 34-45): the generator varies encoded images."""

from pydantic import Field

from hemabalance.section import Count, Weight
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import Latent, ReptileSettings, Width


class FewshotMetaSettings(ReptileSettings):
    """The meta-learned few-shot generator (thesis §3.6)."""

    encoder_width: Width = 32
    """Channels of the encoder's first block."""
    features: Latent = 128
    """Length of a feature vector."""
    references: Count = 256
    """Maximum number of stored feature vectors per class, of training images in each of their poses if `augment`."""
    feature_mixing: float = Field(0.3, ge=0, le=0.5)
    """Share of a second training image's features in the features of a generated image, after adaptation; 0 uses one
    training image per generated image, which gives more copies."""
    lambda_encoder: Weight = 1.0
    """Weight of the encoder's loss (Eqs. 40-42, interpreted as a mean absolute difference)."""
    lambda_mode_seeking: Weight = 1.0
    """Weight of the mode-seeking term."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rare", meta_learned=True)
