"""FastGAN (Liu, Zhu, Song, Elgammal 2021, arXiv:2101.04775), thesis Tables 21, 22: one network for each class.

A generator with skip-layer excitation (section 3.1), and a discriminator that is trained as an encoder (section 3.2):
small decoders reconstruct the real images from its feature maps. Losses, with f a feature map, G a decoder and T the
reduction or the crop of a real image:

    L_recons = E[‖G(f) - T(x)‖], real images only
    L_D = -E[min(0, -1 + D(x))] - E[min(0, -1 - D(x̂))] + L_recons
    L_G = -E[D(x̂)]

As in the authors' code, real and generated images get the same differentiable augmentation (colour, translation), the
discriminator has spectral normalisation, Adam has learning rate 2e-4 and beta1 0.5, and a moving average of the
generator is kept. The method knows no classes, so each class has networks of its own, trained in turn
(`per_class_training`).

Departures: L_recons is the mean absolute difference, where the authors' code compares features of a pretrained network
(LPIPS), so that nothing is learned from other images; the generator has no spectral normalisation, and a convolution a
doubling, as in the paper, where the code has two in every second one; no second, smaller input of the discriminator and
no random margin of the hinge, which only the code has. The excitations' first activation is LeakyReLU, as in the paper,
not the code's Swish. Images are trained on in eight poses, as for the other generators here (`augment`).
"""

import torch
from torch import Tensor
from torch.nn import functional

from hemabalance.networks.layers import at_least_float32
from hemabalance.synthesis.methods.fastgan import FastGANSettings
from hemabalance.synthesis.methods.fastgan.discriminator import PARTS, FastGANDiscriminator, quarter
from hemabalance.synthesis.methods.fastgan.generator import FastGANGenerator
from hemabalance.synthesis.per_class import PerClass, PerClassVariant
from hemabalance.synthesis.per_class_training import DISCRIMINATOR, GENERATOR, PerClassTraining
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime
from hemabalance.training.differentiable_augmentation import differentiable_augmentation
from hemabalance.training.losses import mean_difference, wasserstein_generator


class FastGANTraining(PerClassTraining[FastGANSettings]):
    """Training of the generators and discriminators.

    History: `discriminator` (the two hinge terms), `reconstruction` (L_recons, unweighted, the sum of both decoders)
    and `adversarial` (L_G).
    """

    random = ("noise", "parts", "augmentation")

    def sample_fakes(self, label: str, count: int) -> Tensor:
        """Generated images of a class, each with its own noise, float32 (count, 3, size, size) in [-1, 1]."""
        z = self.noise(count, self.generators["latents"])
        images: Tensor = self.networks[f"{GENERATOR}_{label}"](z, self.generators["noise"])
        return images

    def discriminator_input(self, images: Tensor) -> Tensor:
        """Real or generated images with differentiable augmentation."""
        return differentiable_augmentation(images, self.settings.policy, self.generators["augmentation"])

    def update_discriminator(self, label: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator of a class: hinge loss, and reconstruction of the real images."""
        discriminator, rng = self.networks[f"{DISCRIMINATOR}_{label}"], self.generators["parts"]
        part = int(torch.randint(PARTS, (), generator=rng, device=real.device))
        real_logits, whole, crop = discriminator(real, part)
        (fake_logits,) = discriminator(fake)
        adversarial = hinge(real_logits, fake_logits)
        reconstruction = mean_difference(functional.avg_pool2d(real, 2), whole)
        reconstruction = reconstruction + mean_difference(quarter(real, part), crop)
        self.minimise(adversarial + self.settings.reconstruction_weight * reconstruction, DISCRIMINATOR, label)
        return {"discriminator": adversarial.detach(), "reconstruction": reconstruction.detach()}

    def update_generator(self, label: str, fake: Tensor) -> dict[str, Tensor]:
        """One step of the generator of a class."""
        (logits,) = self.judge(label, fake)
        loss = wasserstein_generator(logits)
        self.minimise(loss, GENERATOR, label)
        return {"adversarial": loss.detach()}


def hinge(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))] (Lim & Ye 2017, arXiv:1705.02894), 0-dim."""
    return (1 - at_least_float32(real_scores)).relu().mean() + (1 + at_least_float32(fake_scores)).relu().mean()


def build(settings: FastGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> PerClass[FastGANSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = PerClassVariant(
        name="fastgan",
        settings=settings,
        generator=lambda: FastGANGenerator(size, settings.width, settings.latent),
        discriminator=lambda: FastGANDiscriminator(size, settings.discriminator_width),
        training=FastGANTraining,
    )
    return PerClass(variant, classes=classes, size=size, runtime=runtime)
