"""W-CycleGAN-GP, the thesis's unpaired translator (§3.4, Eqs. 18-30): cycle consistency against Wasserstein critics.

Its parts: cycle consistency (Zhu et al. 2017, arXiv:1703.10593) and the gradient penalty (Gulrajani et al. 2017,
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
    """The training.

    History: critic_*, penalty_*, adversarial_*, cycle_*, identity_* of both domains, unweighted, and
    adversarial_to_cycle, by how much the weighted adversarial terms outweigh the weighted cycle terms. Since a critic
    may add any constant to its scores, which moves adversarial_* and no gradient, the ratio takes the scores of fakes
    from those of real images (critic_*).
    """

    def __init__(
        self, players: Mapping[str, nn.Module], settings: WCycleGANGPSettings, batches: DomainBatches, job: FitJob
    ) -> None:
        super().__init__(players, settings, batches, job)
        self.generators["between"] = job.runtime.generator("between")

    def update_networks(self) -> Mapping[str, Tensor]:
        """`critic_steps` updates of the critics, the last of them on what the generators' update then uses."""
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
        """One step down Eqs. 26-28 and 30, both domains together; the fakes carry no graph."""
        terms = {}
        for domain, critic, real, fake in (("a", self.critic_a, a, fake_a), ("b", self.critic_b, b, fake_b)):
            terms[f"critic_{domain}"] = wasserstein_critic(*scores_of_both(critic, real, fake))
            share = torch.rand(len(real), generator=self.generators["between"], device=real.device)
            terms[f"penalty_{domain}"] = gradient_penalty(unwrapped(critic), real, fake, share)
        self.minimise_critics(
            terms["critic_a"] + terms["critic_b"] + self.settings.gp_weight * (terms["penalty_a"] + terms["penalty_b"])
        )
        return {name: term.detach() for name, term in terms.items()}

    def update_generators(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One step down the generators' side of Eqs. 26-28 with Eqs. 20 and 23."""
        self.minimise_generators(
            self.settings.adversarial_weight * (terms["adversarial_a"] + terms["adversarial_b"])
            + self.settings.lambda_cycle * (terms["cycle_a"] + terms["cycle_b"])
            + self.settings.lambda_identity * (terms["identity_a"] + terms["identity_b"])
        )
        return {name: term.detach() for name, term in terms.items()}

    def adversarial_to_cycle_ratio(self, losses: Mapping[str, Tensor]) -> Tensor:
        """What the history has as adversarial_to_cycle."""
        adversarial = self.settings.adversarial_weight * (losses["critic_a"].abs() + losses["critic_b"].abs())
        cycled = self.settings.lambda_cycle * (losses["cycle_a"] + losses["cycle_b"])
        return adversarial / cycled.clamp_min(1e-12)


def build(settings: WCycleGANGPSettings, *, size: int, runtime: Runtime) -> Translator[WCycleGANGPSettings]:
    """An unfitted normaliser for square images of `size` pixels.

    Raises:
        InputError: the networks cannot be built for this size or width.
    """
    translation = TranslatorVariant(
        name="wcyclegan_gp",
        settings=settings,
        generator=lambda: UNetGenerator(size, settings.width, settings.up, settings.residual),
        critic_channels=3,
        critic_norm=settings.critic_norm,
        batches=UnpairedBatches,
        training=WCycleGANGPTraining,
    )
    return Translator(translation, size=size, runtime=runtime)
