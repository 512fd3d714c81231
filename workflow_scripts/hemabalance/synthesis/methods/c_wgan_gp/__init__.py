"""C-WGAN-GP, the thesis's generator for rich classes (§3.5, Tables 10-12): generator, critic and classifier."""

from hemabalance.section import Weight
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import WassersteinSettings
from hemabalance.training.settings import Rate, Strength


class ClassifierGuidedSettings(WassersteinSettings):
    """C-WGAN-GP (thesis §3.5): generator, critic and a separate classifier."""

    class_weight: Weight = 1.0
    """Weight of the classifier's cross-entropy in the generator's loss."""
    classifier_lr: Rate = 1e-4
    """Adam's learning rate for the classifier."""
    colour_strength: Strength = 0.2
    """Strength of the colour augmentation of the classifier's training images; 0 for none."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
