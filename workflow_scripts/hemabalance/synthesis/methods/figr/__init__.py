"""FIGR (Clouatre & Demers 2019, arXiv:1901.02199): Reptile on a Wasserstein GAN with gradient penalty, no encoder."""

from hemabalance.section import Weight
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import ReptileSettings


class FIGRSettings(ReptileSettings):
    """FIGR (Clouatre & Demers 2019): Reptile on a Wasserstein GAN, no encoder."""

    gp_weight: Weight = 10.0
    """Weight of the gradient penalty; 10 in the paper."""


TRAITS = GeneratorTraits(trains_networks=True, serves="rare", meta_learned=True)
