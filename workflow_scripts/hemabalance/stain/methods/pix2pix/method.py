"""pix2pix (Isola, Zhu, Zhou, Efros, CVPR 2017, arXiv:1611.07004), one model for each direction, trained together.

It learns from pairs, the same cell in both stains. No archive has such pairs; the phantom renders them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from hemabalance.networks.unet import UNetGenerator
from hemabalance.stain.adversarial_training import TranslatorTraining, scores_of_both
from hemabalance.stain.methods.pix2pix import Pix2PixSettings
from hemabalance.stain.training_batches import PairedBatches
from hemabalance.stain.translator import Translator, TranslatorVariant
from hemabalance.training.device import Runtime
from hemabalance.training.losses import cycle as mean_difference
from hemabalance.training.losses import non_saturating_critic, non_saturating_generator


class Pix2PixTraining(TranslatorTraining[Pix2PixSettings]):
    """The training of pix2pix. Losses: critic_*, adversarial_*, l1_* of both domains, unweighted."""

    def update_networks(self) -> Mapping[str, Tensor]:
        """One update of the critics, halved as in the paper, then one of the generators on the same fakes."""
        a, b = self.batches.next_batch()
        fake_a, fake_b = self.to_a(b), self.to_b(a)
        directions = (("a", self.critic_a, b, a, fake_a), ("b", self.critic_b, a, b, fake_b))
        terms = {}
        for domain, critic, condition, real, fake in directions:
            scores = scores_of_both(critic, _critic_input(condition, real), _critic_input(condition, fake.detach()))
            terms[f"critic_{domain}"] = non_saturating_critic(*scores) / 2
        self.minimise_critics(terms["critic_a"] + terms["critic_b"])
        for domain, critic, condition, real, fake in directions:
            fake_scores = self.judge(critic, _critic_input(condition, fake))
            terms[f"adversarial_{domain}"] = non_saturating_generator(fake_scores)
            terms[f"l1_{domain}"] = mean_difference(real, fake)
        self.minimise_generators(
            terms["adversarial_a"] + terms["adversarial_b"] + self.settings.l1_weight * (terms["l1_a"] + terms["l1_b"])
        )
        return {name: term.detach() for name, term in terms.items()}


def _critic_input(condition: Tensor, image: Tensor) -> Tensor:
    """The input of a conditional critic: source image and target image joined along the channels, (n, 6, h, w)."""
    return torch.cat((condition, image), dim=1)


def build(settings: Pix2PixSettings, *, size: int, runtime: Runtime) -> Translator[Pix2PixSettings]:
    """An unfitted normaliser for square images of `size` pixels.

    Raises:
        InputError: the networks cannot be built for this size or width.
    """
    variant = TranslatorVariant(
        name="pix2pix",
        settings=settings,
        generator=lambda: UNetGenerator(size, settings.width, settings.up, settings.residual),
        critic_channels=6,
        batches=PairedBatches,
        training=Pix2PixTraining,
    )
    return Translator(variant, size=size, runtime=runtime)
