"""MineGAN (Wang et al. 2020, arXiv:1912.05270), thesis Tables 21 and 22: a miner before a trained generator."""

from hemabalance.section import Count, Share
from hemabalance.synthesis.method import GeneratorTraits
from hemabalance.synthesis.settings import WassersteinSettings, Width


class MineGANSettings(WassersteinSettings):
    """MineGAN (Wang et al. 2020): a miner before the trained generator that `teacher` names, for each rare class.

    `latent`, `width` and `norm` are the teacher's, unless the entry sets them; other values are refused. A batch holds
    images of one class, each at most once.
    """

    miner_width: Width = 128
    """Hidden units of each of the miner's two parts; 128 in the authors' code for MNIST."""
    steps: Count = 42_000
    """Updates of the miners of all classes together: each of K classes gets the K-th part; 42,000 in the thesis's
    Table 22."""
    mining_share: Share = 0.25
    """Share of the steps of the first stage, in which the generator is the unchanged teacher: only miner and critic are
    trained. In the remaining steps, the second stage, the generator is trained too."""


TRAITS = GeneratorTraits(
    trains_networks=True, serves="rare", meta_learned=True, starts_from_teacher=("latent", "width", "norm")
)
