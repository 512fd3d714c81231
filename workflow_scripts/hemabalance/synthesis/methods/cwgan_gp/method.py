"""CWGAN-GP, the baseline of C-WGAN-GP (thesis Tables 17-20): a generator and a class-conditional critic.

The Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028) as a conditional GAN (Mirza,
Osindero 2014, arXiv:1411.1784): the critic scores image and class together, so no classifier is needed.
"""

from hemabalance.networks.conditional import ConditionalCritic
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.methods.cwgan_gp import CWGANGPSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.wasserstein_training import WassersteinTraining
from hemabalance.training.device import Runtime


def build(settings: CWGANGPSettings, *, classes: Classes, size: int, runtime: Runtime) -> Conditional[CWGANGPSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="cwgan_gp",
        settings=settings,
        critics=lambda size, count: {"critic": ConditionalCritic(size, settings.critic_width, count)},
        training=lambda networks, settings, real, snapshots, data, job: WassersteinTraining(
            networks, settings, real, snapshots, job
        ),
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
