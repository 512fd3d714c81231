"""Stains by sparse non-negative matrix factorisation (Vahadane et al. 2016, IEEE Trans. Med. Imaging 35:1962)."""

from hemabalance.section import Weight
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.settings import TwoStainSettings


class VahadaneSettings(TwoStainSettings):
    """Vahadane 2016: sparse non-negative matrix factorisation."""

    sparsity: Weight = 0.1
    """Sparsity weight of the amounts in the estimation of stains; 0.1 in the paper."""
    amounts_sparsity: Weight = 0.01
    """Sparsity weight of the amounts that are rendered; with smaller values less pale stain is lost."""


TRAITS = NormalizerTraits(trains_networks=False, paired=False, invertible=False)
