"""No normalisation: the row that every other method is compared with."""

from hemabalance.stain.method import NormalizerSettings, NormalizerTraits


class IdentitySettings(NormalizerSettings):
    """Images stay as they are; there are no settings."""


TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False, changes_images=False)
