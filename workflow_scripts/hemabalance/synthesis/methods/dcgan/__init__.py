"""DCGAN (Radford, Metz, Chintala 2016, arXiv:1511.06434), thesis Tables 17-20: one network for each class."""

from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.per_class_settings import PerClassSettings
from hemabalance.synthesis.settings import Width


class DCGANSettings(PerClassSettings):
    """DCGAN (Radford et al. 2016): strided convolutions and batch normalisation, one network for each class."""

    width: Width = 64
    """Channels of each generator's last hidden map; each halving of the side doubles them, up to 8 times (in the
    paper's Figure 1, 128 at 64 px; 64 in the authors' code)."""
    discriminator_width: Width = 64
    """Channels of each discriminator's first map; each halving of the side doubles them, up to 8 times."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
