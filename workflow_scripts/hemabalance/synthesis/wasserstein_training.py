"""Training of a class-conditional generator against a Wasserstein critic, shared by C-WGAN-GP and CWGAN-GP."""

from typing import TypeVar

import torch
from torch import Tensor, nn

from hemabalance.synthesis.conditional_training import ConditionalTraining
from hemabalance.synthesis.settings import WassersteinSettings
from hemabalance.training.device import unwrapped
from hemabalance.training.losses import gradient_penalty, wasserstein_critic, wasserstein_generator

WassersteinT = TypeVar("WassersteinT", bound=WassersteinSettings)


class WassersteinTraining(ConditionalTraining[WassersteinT]):
    """Wasserstein critic with a gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028), conditional on the class.

    A subclass with an unconditional critic overrides `critic_conditions` and `sample_real`.

    History: `critic` (E[D(fake)] - E[D(real)]) and `penalty` of the critic's last update, and `adversarial`
    (-E[D(fake)]), unweighted.
    """

    def update_critic(self, real: Tensor, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the critic; the fakes are detached, and a conditional critic gets the same targets for both."""
        conditions = self.critic_conditions(targets)
        scores = self.critic(torch.cat((real, fake)), *(torch.cat((classes, classes)) for classes in conditions))
        real_scores, fake_scores = scores.chunk(2)
        share = torch.rand(len(real), generator=self.generators["between"], device=real.device)
        terms = {
            "critic": wasserstein_critic(real_scores, fake_scores),
            "penalty": gradient_penalty(_UnconditionalCritic(unwrapped(self.critic), conditions), real, fake, share),
        }
        loss = terms["critic"] + self.settings.gp_weight * terms["penalty"]
        self.runtime.minimise(loss, self.optimizers["critic"], (self.critic,), "critic")
        return {name: term.detach() for name, term in terms.items()}

    def critic_conditions(self, targets: Tensor) -> tuple[Tensor, ...]:
        """Critic inputs besides the image: here the targets; empty for an unconditional critic."""
        return (targets,)

    def update_generator(self, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the generator; the fakes carry its graph."""
        loss = wasserstein_generator(self.judge(self.critic, fake, *self.critic_conditions(targets)))
        self.runtime.minimise(loss, self.optimizers["generator"], (self.generator,), "generator")
        return {"adversarial": loss.detach()}


class _UnconditionalCritic(nn.Module):
    """A critic as a function of the image only, with fixed conditions."""

    def __init__(self, critic: nn.Module, conditions: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.critic, self.conditions = critic, conditions

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.critic(x, *self.conditions)
        return scores
