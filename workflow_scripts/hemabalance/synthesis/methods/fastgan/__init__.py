"""FastGAN (Liu, Zhu, Song, Elgammal 2021, arXiv:2101.04775), thesis Tables 21, 22: one network for each class."""

from hemabalance.section import Count, Share, Weight
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.per_class_settings import PerClassSettings
from hemabalance.synthesis.settings import Latent, Width
from hemabalance.training.augmentation_policy import Policy


class FastGANSettings(PerClassSettings):
    """FastGAN (Liu et al. 2021): skip-layer excitation and a discriminator that reconstructs its images."""

    latent: Latent = 256
    """Length of a latent vector."""
    width: Width = 24
    """Channels of the finest feature map of each generator; each halving of the side doubles them, up to 8 times. The
    default widths give a class 6.7 million parameters at 128 px; the thesis reports 7.6 million in Table 22."""
    discriminator_width: Width = 16
    """Channels of the finest feature map of each discriminator; each halving of the side doubles them."""
    batch: Count = 8
    """Images of one class per update; fewer if the class has fewer."""
    steps: Count = 45_000
    """Updates of all generators together: each of K classes gets the K-th part; 45,000 in the thesis's Table 22."""
    decay_from: Share = 1.0
    """Share of the steps after which the learning rates fall linearly to 0; 1 keeps them constant."""
    reconstruction_weight: Weight = 1.0
    """Weight of the reconstruction of real images in the discriminator's loss."""
    policy: Policy = ("colour", "translation")
    """Differentiable augmentation of real and generated images: colour, translation, cutout."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rare", meta_learned=False)
