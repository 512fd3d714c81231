"""CycleGAN (Zhu, Park, Isola, Efros, ICCV 2017, arXiv:1703.10593): least-squares critics and a history of fakes."""

from hemabalance.stain.cyclegan_training import cycle_translator
from hemabalance.stain.methods.cyclegan import CycleGANSettings
from hemabalance.stain.settings import CycleTranslatorSettings
from hemabalance.stain.translator import Translator
from hemabalance.training.device import Runtime


def build(settings: CycleGANSettings, *, size: int, runtime: Runtime) -> Translator[CycleTranslatorSettings]:
    """An unfitted normaliser for square images of `size` pixels.

    Raises:
        InputError: the networks cannot be built for this size or width.
    """
    return cycle_translator("cyclegan", settings, size=size, runtime=runtime)
