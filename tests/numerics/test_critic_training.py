"""A critic trained without a generator estimates a known Wasserstein distance."""

import pytest
import torch
from torch import Tensor, nn

from helpers.seeds import seeded
from hemabalance.networks.layers import initialise
from hemabalance.networks.patchgan import PatchGAN
from hemabalance.training.losses import gradient_penalty, wasserstein_critic


def train(critic: nn.Module, real: Tensor, fake: Tensor, weight: float, steps: int, rate: float) -> list[float]:
    """Losses with penalty of full-batch Adam with a learning rate that decays to zero."""
    optimiser = torch.optim.Adam(critic.parameters(), lr=rate, betas=(0.5, 0.9))
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, total_iters=steps)
    generator, history = seeded(9), []
    for _ in range(steps):
        alpha = torch.rand(len(real), generator=generator)
        loss = wasserstein_critic(critic(real), critic(fake))
        loss = loss + weight * gradient_penalty(critic, real, fake, alpha)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        history.append(loss.item())
    return history


def multilayer(inputs: int) -> nn.Module:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    for parameter in critic.parameters():
        nn.init.normal_(parameter, std=0.2, generator=seeded(parameter.numel()))
    return critic


def estimate(critic: nn.Module, real: Tensor, fake: Tensor) -> float:
    with torch.no_grad():
        return -wasserstein_critic(critic(real), critic(fake)).item()


@pytest.mark.parametrize("weight", [10.0, 100.0])
def test_between_two_constant_images(weight):
    real, fake = torch.full((4, 3, 4, 4), 0.2), torch.full((4, 3, 4, 4), -0.1)
    distance = 0.3 * 48**0.5
    critic = multilayer(48)
    history = train(critic, real, fake, weight, steps=300, rate=0.02)
    # Maximising s r - d (s - 1)² over the slope s: the estimate tends to the distance r as d grows.
    slope = 1 + distance / (2 * weight)
    assert estimate(critic, real, fake) == pytest.approx(slope * distance, rel=0.01)
    assert history[-1] == pytest.approx(-distance * (1 + distance / (4 * weight)), rel=0.01)
    assert history[-1] < history[0]


def test_between_two_shifted_point_clouds():
    fake = torch.randn(128, 2, generator=seeded(1))
    real = fake + torch.tensor([3.0, -4.0])
    critic = nn.Linear(2, 1)
    initialise(critic, seeded(0))
    history = train(critic, real, fake, 10.0, steps=200, rate=0.1)
    assert estimate(critic, real, fake) == pytest.approx(5 * (1 + 5 / 20), rel=0.01)
    assert history[-1] == pytest.approx(-5 * (1 + 5 / 40), rel=0.01)


def test_the_patch_critic_learns_to_distinguish_two_textures():
    def textures(count: int, seed: int) -> tuple[Tensor, Tensor]:
        noise = torch.rand(2 * count, 3, 16, 16, generator=seeded(seed)) * 2 - 1
        striped = noise[:count] * 0.3 + torch.tensor([0.5, -0.5]).repeat(8)
        return striped, noise[count:] * 0.3

    critic = PatchGAN(4, 2)
    initialise(critic, seeded(0))
    history = train(critic, *textures(8, seed=2), 10.0, steps=60, rate=5e-3)
    assert history[0] > 0
    assert max(history[-10:]) < -1
    assert estimate(critic, *textures(8, seed=3)) > 1
