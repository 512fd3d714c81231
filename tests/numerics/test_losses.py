"""Losses compared with closed forms and numerical differentiation."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.seeds import seeded
from hemabalance.networks.layers import initialise
from hemabalance.networks.patchgan import PatchGAN
from hemabalance.training import losses

F64 = torch.float64


class Linear(nn.Module):
    """D(x) = <w, x>, the mean of four patches with different weights."""

    def __init__(self, shape: tuple[int, ...], norm: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        w = torch.randn(4, *shape, generator=seeded(3), dtype=F64)
        self.w = nn.Parameter((w * norm / w.mean(dim=0).norm()).to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nchw,pchw->np", x, self.w).reshape(-1, 1, 2, 2)


def batch(count: int = 4, side: int = 16, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    real = torch.rand(count, 3, side, side, generator=seeded(0), dtype=dtype) * 2 - 1
    fake = torch.rand(count, 3, side, side, generator=seeded(1), dtype=dtype) * 2 - 1
    return real, fake, torch.rand(count, generator=seeded(2), dtype=dtype)


def patchgan() -> PatchGAN:
    critic = PatchGAN(4, 2)
    initialise(critic, seeded(0))
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter *= 5
    return critic


def test_the_penalty_of_a_linear_critic_of_unit_slope_is_zero():
    real, fake, alpha = batch()
    assert losses.gradient_penalty(Linear((3, 16, 16), 1.0), real, fake, alpha).item() < 1e-6
    in_float64 = losses.gradient_penalty(Linear((3, 16, 16), 1.0, F64), real.double(), fake.double(), alpha.double())
    assert in_float64.dtype == F64
    assert in_float64.item() < 1e-28


@pytest.mark.parametrize("norm", [0.0625, 0.5, 2.0, 30.0])
@pytest.mark.parametrize("count", [1, 5])
def test_the_penalty_of_a_linear_critic_equals_its_closed_form(norm, count):
    penalty = losses.gradient_penalty(Linear((3, 16, 16), norm), *batch(count))
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)


def test_one_penalty_per_image_at_its_interpolated_point():
    class Bowl(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(dim=(1, 2, 3)) / 2

    real, fake, alpha = batch(dtype=F64)
    alpha = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=F64)
    points = [a * r + (1 - a) * f for a, r, f in zip(alpha, real, fake, strict=True)]
    expected = sum((point.norm().item() - 1) ** 2 for point in points) / 4
    assert losses.gradient_penalty(Bowl(), real, fake, alpha).item() == pytest.approx(expected, rel=1e-12)


def test_second_order_gradients_match_numerical_differentiation():
    class Smooth(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            hidden = torch.tanh(functional.conv2d(x, first, stride=2))
            return functional.conv2d(functional.softplus(functional.instance_norm(hidden)), second)

    first = torch.randn(3, 3, 3, 3, generator=seeded(4), dtype=F64, requires_grad=True)
    second = torch.randn(1, 3, 2, 2, generator=seeded(5), dtype=F64, requires_grad=True)
    real, fake, alpha = batch(2, 8, F64)
    assert torch.autograd.gradcheck(lambda *_: losses.gradient_penalty(Smooth(), real, fake, alpha), (first, second))


def test_second_order_gradients_of_the_patch_critic_match_central_differences():
    critic, (real, fake, alpha) = patchgan().double(), batch(2, dtype=F64)
    parameters = list(critic.parameters())
    loss = losses.gradient_penalty(critic, real, fake, alpha)
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    assert [gradient is None for gradient in gradients] == [False] * (len(gradients) - 1) + [True]
    for parameter, gradient in zip(parameters[:-1], gradients[:-1], strict=True):
        direction = torch.randn(parameter.shape, generator=seeded(6), dtype=F64)
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                parameter += step * direction
            values.append(losses.gradient_penalty(critic, real, fake, alpha).item())
            with torch.no_grad():
                parameter -= step * direction
        numerical = (values[0] - values[1]) / 2e-6
        assert numerical == pytest.approx((gradient * direction).sum().item(), rel=1e-5, abs=1e-9)
        assert numerical != pytest.approx(0, abs=1e-7)


def test_the_penalty_is_float32_under_autocast():
    real, fake, alpha = batch()
    critics = patchgan(), patchgan()
    losses.gradient_penalty(critics[0], real, fake, alpha).backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert critics[1](real).dtype == torch.bfloat16
        penalty = losses.gradient_penalty(critics[1], real, fake, alpha)
        assert torch.is_autocast_enabled("cpu")
    penalty.backward()
    assert penalty.dtype == torch.float32
    assert penalty.item() == losses.gradient_penalty(critics[0], real, fake, alpha).item()
    for plain, cast in zip(critics[0].parameters(), critics[1].parameters(), strict=True):
        assert (plain.grad is None) == (cast.grad is None)
        assert plain.grad is None or torch.equal(plain.grad, cast.grad)


def test_bfloat16_images_and_scores_are_converted_to_float32():
    real, fake, alpha = batch()
    half = losses.gradient_penalty(patchgan(), real.bfloat16(), fake.bfloat16(), alpha)
    assert half.dtype == torch.float32
    widened = losses.gradient_penalty(patchgan(), real.bfloat16().float(), fake.bfloat16().float(), alpha)
    assert half.item() == widened.item()
    ones = torch.ones(1000, dtype=torch.bfloat16)
    above = torch.tensor([1.0, 1.0078125], dtype=torch.bfloat16).repeat(500)
    assert losses.wasserstein_critic(ones, above).item() == 0.00390625
    assert losses.wasserstein_generator(above).item() == -1.00390625


def test_the_penalty_has_gradients_for_the_critic_only():
    real, fake, alpha = batch()
    shift = nn.Parameter(torch.zeros(()))
    critic = patchgan()
    losses.gradient_penalty(critic, real.requires_grad_(), fake + shift, alpha).backward()
    assert shift.grad is None
    assert real.grad is None
    assert critic.body[0].weight.grad.abs().max() > 0


def test_a_flat_critic_has_penalty_one_and_no_nan():
    critic = Linear((3, 16, 16), 1.0)
    with torch.no_grad():
        critic.w.zero_()
    penalty = losses.gradient_penalty(critic, *batch())
    penalty.backward()
    assert penalty.item() == 1
    assert critic.w.grad.isfinite().all()


def test_images_of_different_shapes_are_refused():
    real, fake, alpha = batch()
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.gradient_penalty(patchgan(), real, fake[:3], alpha)
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.gradient_penalty(patchgan(), real, fake, alpha[:1])


CRITIC_LOSSES = [losses.wasserstein_critic, losses.least_squares_critic, losses.non_saturating_critic]
GENERATOR_LOSSES = [losses.wasserstein_generator, losses.least_squares_generator, losses.non_saturating_generator]


def scores(level: float) -> Tensor:
    return level + torch.linspace(-0.1, 0.1, 18).reshape(2, 1, 3, 3)


@pytest.mark.parametrize("loss", CRITIC_LOSSES)
def test_a_critic_loss_falls_as_real_and_fake_scores_differ_more(loss):
    assert loss(scores(0.6), scores(0.2)) < loss(scores(0.4), scores(0.2)) < loss(scores(0.4), scores(0.3))
    assert loss(scores(0.6), scores(0.2)).shape == ()


@pytest.mark.parametrize("loss", GENERATOR_LOSSES)
def test_a_generator_loss_falls_with_higher_scores(loss):
    assert loss(scores(0.6)) < loss(scores(0.4)) < loss(scores(-3.0))
    assert loss(scores(0.6)).shape == ()


def test_wasserstein_values():
    real, fake = scores(3.0), scores(-2.0)
    assert losses.wasserstein_critic(real, fake).item() == pytest.approx(-5)
    assert losses.wasserstein_generator(fake).item() == pytest.approx(2)


def test_least_squares_is_minimal_at_its_targets():
    ones, zeros = torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    assert losses.least_squares_critic(ones, zeros).item() == 0
    assert losses.least_squares_generator(ones).item() == 0
    for shift in (-0.1, 0.1):
        assert losses.least_squares_critic(ones + shift, zeros).item() == pytest.approx(0.005)
        assert losses.least_squares_critic(ones, zeros + shift).item() == pytest.approx(0.005)
        assert losses.least_squares_generator(ones + shift).item() == pytest.approx(0.01)


def test_non_saturating_is_the_logarithm_of_the_sigmoid():
    real, fake = torch.randn(2, 50, generator=seeded(0), dtype=F64) * 3
    critic = -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean())
    assert losses.non_saturating_critic(real, fake).item() == pytest.approx(critic.item(), rel=1e-12)
    generator = -torch.sigmoid(fake).log().mean()
    assert losses.non_saturating_generator(fake).item() == pytest.approx(generator.item(), rel=1e-12)
    assert losses.non_saturating_critic(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_non_saturating_has_finite_values_and_gradients_at_any_logit(logit):
    fake = torch.tensor([logit], requires_grad=True)
    loss = losses.non_saturating_generator(fake)
    loss.backward()
    assert loss.item() == max(0.0, -logit)
    assert fake.grad.item() == (-1.0 if logit < 0 else 0.0)
    assert losses.non_saturating_critic(torch.tensor([logit]), torch.tensor([logit])).item() == 1e4


@pytest.mark.parametrize("loss", [losses.cycle, losses.identity])
def test_absolute_differences(loss):
    x, y, _ = batch()
    assert loss(x, x).item() == 0
    assert loss(x, y).item() == pytest.approx((x - y).abs().mean().item())
    assert loss(x, x + 0.25).item() == pytest.approx(0.25, rel=1e-5)
