"""DCGAN (Radford, Metz, Chintala 2016, arXiv:1511.06434), thesis Tables 17-20: one network for each class.

The paper's networks (section 3, Figure 1; see `networks`) with its training: non-saturating cross-entropy
(Goodfellow et al. 2014, arXiv:1406.2661), Adam with learning rate 2e-4 and beta1 0.5, weights from N(0, 0.02), real and
generated images in separate batches. The method knows no classes, so each class has networks of its own, trained in
turn (`per_class_training`); all classes together get as many generator updates as a conditional method.

Departures: kernels of 4x4 and normal latents as in the authors' Torch code, not 5x5 and uniform as in the paper;
normalisations start at scale 1 instead of N(1, 0.02). As for the other generators here, images are trained on in eight
poses, learning rates fall in the second half, and a moving average of the generator is kept, whose batch statistics are
recomputed; `augment`, `decay_from` and `average_decay` turn these off.
"""

from torch import Tensor

from hemabalance.synthesis.methods.dcgan import DCGANSettings
from hemabalance.synthesis.methods.dcgan.networks import DCGANDiscriminator, DCGANGenerator
from hemabalance.synthesis.per_class import PerClass, PerClassVariant
from hemabalance.synthesis.per_class_training import DISCRIMINATOR, GENERATOR, PerClassTraining
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime
from hemabalance.training.losses import non_saturating_critic, non_saturating_generator


class DCGANTraining(PerClassTraining[DCGANSettings]):
    """Training of the generators and discriminators.

    History: `discriminator` (-E[log σ(D(real))] - E[log(1 - σ(D(fake)))]) and `adversarial` (-E[log σ(D(fake))]).
    """

    def update_discriminator(self, label: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator of a class; real and generated images are normalised apart."""
        discriminator = self.networks[f"{DISCRIMINATOR}_{label}"]
        loss = non_saturating_critic(discriminator(real), discriminator(fake))
        self.minimise(loss, DISCRIMINATOR, label)
        return {"discriminator": loss.detach()}

    def update_generator(self, label: str, fake: Tensor) -> dict[str, Tensor]:
        """One step of the generator of a class."""
        loss = non_saturating_generator(self.judge(label, fake))
        self.minimise(loss, GENERATOR, label)
        return {"adversarial": loss.detach()}


def build(settings: DCGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> PerClass[DCGANSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = PerClassVariant(
        name="dcgan",
        settings=settings,
        generator=lambda: DCGANGenerator(size, settings.width, settings.latent),
        discriminator=lambda: DCGANDiscriminator(size, settings.discriminator_width),
        training=DCGANTraining,
    )
    return PerClass(variant, classes=classes, size=size, runtime=runtime)
