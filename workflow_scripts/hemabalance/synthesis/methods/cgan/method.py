"""CGAN, a baseline of C-WGAN-GP (thesis Tables 17-20): the class is an input of generator and discriminator.

Conditional generative adversarial nets (Mirza, Osindero 2014, arXiv:1411.1784): min over G, max over D of
E[log D(x|y)] + E[log(1 - D(G(z|y)))] (Eq. 2). Departures from the paper: the networks are those of C-WGAN-GP, whose
generator gets latent and class concatenated, as in the paper, while the discriminator gets the class by projection
(Miyato, Koyama 2018, arXiv:1802.05637) instead of concatenation; G maximises log D(G(z|y)), the non-saturating form;
Adam instead of gradient descent with momentum and dropout.
"""

from hemabalance.networks.conditional import ConditionalCritic
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.logistic_training import LogisticTraining
from hemabalance.synthesis.methods.cgan import CGANSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime


def build(settings: CGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> Conditional[CGANSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="cgan",
        settings=settings,
        critics=lambda size, count: {"critic": ConditionalCritic(size, settings.critic_width, count)},
        training=lambda networks, settings, real, snapshots, data, job: LogisticTraining(
            networks, settings, real, snapshots, job
        ),
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
