"""No normalisation: the baseline of all methods."""

from hemabalance.stain.method import NormalizerSettings, NormalizerTraits


class IdentitySettings(NormalizerSettings):
    """Images stay unchanged; there are no settings."""


TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False, changes_images=False)
