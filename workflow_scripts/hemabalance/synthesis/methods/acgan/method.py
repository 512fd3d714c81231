"""AC-GAN, a baseline of C-WGAN-GP (thesis Tables 17-20): one discriminator with a source head and a class head.

Auxiliary classifier GAN (Odena, Olah, Shlens 2017, arXiv:1610.09585): the discriminator maximises L_S + L_C, the log
likelihoods of source (Eq. 2) and class (Eq. 3), both of real and of generated images; the generator maximises
L_C - L_S. Departures from the paper: the networks are those of C-WGAN-GP, with both heads on the trunk of its critic;
the generator's source term is the non-saturating one; one network for all classes instead of ten classes each.
"""

from torch import Tensor
from torch.nn import functional

from hemabalance.networks.auxiliary_critic import AuxiliaryCritic
from hemabalance.networks.layers import at_least_float32
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.logistic_training import LogisticTraining, Terms
from hemabalance.synthesis.methods.acgan import ACGANSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime
from hemabalance.training.losses import non_saturating_critic, non_saturating_generator


class ACGANTraining(LogisticTraining[ACGANSettings]):
    """Training of generator and discriminator; arguments as `LogisticTraining`.

    Additional history: `class_real` and `class_fake_critic`, cross-entropies of the class head on real and generated
    images in the discriminator's update; `class_fake`, that in the generator's; all unweighted.
    """

    def critic_conditions(self, targets: Tensor) -> tuple[Tensor, ...]:
        """No extra input: the discriminator predicts the class."""
        return ()

    def critic_terms(self, real: Tensor, fake: Tensor, targets: Tensor) -> Terms:
        """-(L_S + L_C)."""
        weight = self.settings.class_weight
        return {
            "critic": (1.0, non_saturating_critic(real[:, 0], fake[:, 0])),
            "class_real": (weight, _class_cross_entropy(real, targets)),
            "class_fake_critic": (weight, _class_cross_entropy(fake, targets)),
        }

    def generator_terms(self, fake: Tensor, targets: Tensor) -> Terms:
        """-(L_C - L_S), with the non-saturating L_S."""
        return {
            "adversarial": (1.0, non_saturating_generator(fake[:, 0])),
            "class_fake": (self.settings.class_weight, _class_cross_entropy(fake, targets)),
        }


def _class_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(at_least_float32(outputs[:, 1:]), targets)


def build(settings: ACGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> Conditional[ACGANSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="acgan",
        settings=settings,
        critics=lambda size, count: {"critic": AuxiliaryCritic(size, settings.critic_width, count)},
        training=lambda networks, settings, real, snapshots, data, job: ACGANTraining(
            networks, settings, real, snapshots, job
        ),
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
