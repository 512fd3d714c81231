"""StainGAN (Shaban, Baur, Navab, Albarqouni, ISBI 2019, arXiv:1804.01601): CycleGAN for the transfer of stain.

Its contribution is the use, not the network: ResNet generators of nine blocks, patch critics of 70x70 pixels, least
squares, cycle loss of weight 10 and Adam with 2e-4, as CycleGAN (arXiv:1703.10593). It differs from `cyclegan` in its
objective, adversarial and cycle losses of both directions alone, without the identity loss, and in batches of 4 images.

Departures: `steps`, of which the second half has a falling learning rate, in place of epochs, so that
all methods have equally many updates; as in `cyclegan`, an average of the generators is saved, poses are augmented,
there is no dropout (the authors' code has it by default; a normaliser must be deterministic), both domains are sampled
class by class, and one optimiser serves both critics.
"""

from hemabalance.stain.cyclegan_training import cycle_translator
from hemabalance.stain.methods.staingan import StainGANSettings
from hemabalance.stain.settings import CycleTranslatorSettings
from hemabalance.stain.translator import Translator
from hemabalance.training.device import Runtime


def build(settings: StainGANSettings, *, size: int, runtime: Runtime) -> Translator[CycleTranslatorSettings]:
    """An unfitted normaliser for square images of `size` pixels.

    Raises:
        InputError: the networks cannot be built for this size or width.
    """
    return cycle_translator("staingan", settings, size=size, runtime=runtime)
