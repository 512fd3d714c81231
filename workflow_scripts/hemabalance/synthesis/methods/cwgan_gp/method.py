"""CWGAN-GP, the baseline of C-WGAN-GP (thesis Tables 17-20): two players, the critic being told the class.

The Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028) as a conditional GAN (Mirza,
Osindero 2014, arXiv:1411.1784): the critic judges image and class together, so that no classifier is needed.
"""

from hemabalance.networks.conditional import ConditionalCritic
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.conditional_training import ConditionalTraining
from hemabalance.synthesis.methods.cwgan_gp import CWGANGPSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime


def build(settings: CWGANGPSettings, *, classes: Classes, size: int, runtime: Runtime) -> Conditional[CWGANGPSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="cwgan_gp",
        settings=settings,
        judges=lambda size, count: {"critic": ConditionalCritic(size, settings.critic_width, count)},
        training=lambda players, own, real, snapshots, data, job: ConditionalTraining(
            players, own, real, snapshots, job
        ),
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
