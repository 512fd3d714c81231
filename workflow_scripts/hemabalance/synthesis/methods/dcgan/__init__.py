"""DCGAN (Radford, Metz, Chintala 2016, arXiv:1511.06434), thesis Tables 17-20: one network for each class."""

from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.per_class_settings import PerClassSettings


class DCGANSettings(PerClassSettings):
    """DCGAN (Radford et al. 2016): strided convolutions and batch normalisation, one network for each class."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rich", meta_learned=False)
