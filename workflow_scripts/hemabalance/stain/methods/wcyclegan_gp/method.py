"""W-CycleGAN-GP, the thesis's unpaired translator (§3.4, Eqs. 18-30): cycle consistency against Wasserstein critics.

It combines cycle consistency (Zhu et al. 2017, arXiv:1703.10593) with the gradient penalty (Gulrajani et al. 2017,
arXiv:1704.00028).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hemabalance.networks.unet import UNetGenerator
from hemabalance.stain.adversarial_training import TranslatorTraining, scores_of_both
from hemabalance.stain.methods.wcyclegan_gp import WCycleGANGPSettings
from hemabalance.stain.training_batches import DomainBatches, UnpairedBatches
from hemabalance.stain.translator import Translator, TranslatorVariant
from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.losses import cycle, gradient_penalty, identity, wasserstein_critic, wasserstein_generator


class WCycleGANGPTraining(TranslatorTraining[WCycleGANGPSettings]):
    """The training of W-CycleGAN-GP.

    Losses: critic_*, penalty_*, adversarial_*, cycle_*, identity_* of both domains, unweighted, and
    adversarial_to_cycle, the ratio of the weighted adversarial terms to the weighted cycle terms. A constant in a
    critic's scores changes adversarial_* but no gradient, so the ratio uses the difference between the scores of fake
    and real images (critic_*).
    """

    def __init__(
        self, players: Mapping[str, nn.Module], settings: WCycleGANGPSettings, batches: DomainBatches, job: FitJob
    ) -> None:
        super().__init__(players, settings, batches, job)
        self.generators["between"] = job.runtime.generator("between")

    def update_networks(self) -> Mapping[str, Tensor]:
        """`critic_steps` updates of the critics, then one of the generators on the images of the last critic update."""
        for _ in range(self.settings.critic_steps - 1):
            a, b = self.batches.next_batch()
            with torch.no_grad():
                fake_a, fake_b = self.to_a(b), self.to_b(a)
            self.update_critics(a, b, fake_a, fake_b)
        a, b = self.batches.next_batch()
        fake_a, same_a = self.to_a(torch.cat((b, a))).chunk(2)
        fake_b, same_b = self.to_b(torch.cat((a, b))).chunk(2)
        losses = self.update_critics(a, b, fake_a.detach(), fake_b.detach())
        losses |= self.update_generators(
            {
                "adversarial_a": wasserstein_generator(self.judge(self.critic_a, fake_a)),
                "adversarial_b": wasserstein_generator(self.judge(self.critic_b, fake_b)),
                "cycle_a": cycle(a, self.to_a(fake_b)),
                "cycle_b": cycle(b, self.to_b(fake_a)),
                "identity_a": identity(a, same_a),
                "identity_b": identity(b, same_b),
            }
        )
        return losses | {"adversarial_to_cycle": self.adversarial_to_cycle_ratio(losses)}

    def update_critics(self, a: Tensor, b: Tensor, fake_a: Tensor, fake_b: Tensor) -> dict[str, Tensor]:
        """One optimiser step on Eqs. 26-28 and 30, both domains together; the fakes have no graph."""
        terms = {}
        for domain, critic, real, fake in (("a", self.critic_a, a, fake_a), ("b", self.critic_b, b, fake_b)):
            terms[f"critic_{domain}"] = wasserstein_critic(*scores_of_both(critic, real, fake))
            alpha = torch.rand(len(real), generator=self.generators["between"], device=real.device)
            terms[f"penalty_{domain}"] = gradient_penalty(unwrapped(critic), real, fake, alpha)
        self.minimise_critics(
            terms["critic_a"] + terms["critic_b"] + self.settings.gp_weight * (terms["penalty_a"] + terms["penalty_b"])
        )
        return {name: term.detach() for name, term in terms.items()}

    def update_generators(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One optimiser step on the generators' part of Eqs. 26-28 with Eqs. 20 and 23."""
        self.minimise_generators(
            self.settings.adversarial_weight * (terms["adversarial_a"] + terms["adversarial_b"])
            + self.settings.lambda_cycle * (terms["cycle_a"] + terms["cycle_b"])
            + self.settings.lambda_identity * (terms["identity_a"] + terms["identity_b"])
        )
        return {name: term.detach() for name, term in terms.items()}

    def adversarial_to_cycle_ratio(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The loss adversarial_to_cycle of the history."""
        adversarial_loss = self.settings.adversarial_weight * (losses["critic_a"].abs() + losses["critic_b"].abs())
        cycle_loss = self.settings.lambda_cycle * (losses["cycle_a"] + losses["cycle_b"])
        return adversarial_loss / cycle_loss.clamp_min(1e-12)


def build(settings: WCycleGANGPSettings, *, size: int, runtime: Runtime) -> Translator[WCycleGANGPSettings]:
    """An unfitted normaliser for square images of `size` pixels.

    Raises:
        InputError: the networks cannot be built for this size or width.
    """
    variant = TranslatorVariant(
        name="wcyclegan_gp",
        settings=settings,
        generator=lambda: UNetGenerator(size, settings.width, settings.up, settings.residual),
        critic_channels=3,
        critic_norm=settings.critic_norm,
        batches=UnpairedBatches,
        training=WCycleGANGPTraining,
    )
    return Translator(variant, size=size, runtime=runtime)
