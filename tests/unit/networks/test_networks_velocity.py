"""The network of a rectified flow: shapes, gradients, start, conditions, and sizes that are refused."""

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.seeds import seeded
from hemabalance.networks.velocity_unet import Output, VelocityUNet

pytestmark = pytest.mark.usefixtures("one_thread")


def built(
    size: int = 16, *, patch: int = 2, blocks: int = 1, seed: int = 0, zero: bool = False, output: Output = "velocity"
) -> VelocityUNet:
    """A small network; unless `zero`, with a random last layer in place of zeros."""
    network = VelocityUNet(size, 4, blocks, patch, 3, 7, output)
    network.initialise(seeded(seed))
    if not zero:
        with torch.no_grad():
            for parameter in network.parameters():
                if not parameter.any():
                    parameter.normal_(0, 0.1, generator=seeded(seed + 1))
    return network


def inputs(size: int = 16, count: int = 4) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    images = torch.randn(count, 3, size, size, generator=seeded(2))
    factors = torch.rand(count, 7, generator=seeded(3))
    return images, torch.linspace(0.1, 0.9, count), torch.arange(count) % 4, factors


@pytest.mark.parametrize(("size", "patch", "blocks"), [(16, 2, 1), (32, 2, 2), (32, 1, 1), (64, 4, 1), (48, 2, 1)])
def test_velocities_have_the_shape_of_the_images(size: int, patch: int, blocks: int) -> None:
    velocity = built(size, patch=patch, blocks=blocks)(*inputs(size))
    assert velocity.shape == (4, 3, size, size)
    assert velocity.dtype == torch.float32
    assert velocity.isfinite().all()
    assert not torch.equal(velocity[0], velocity[1])


def test_the_first_velocity_is_zero_and_the_weights_depend_only_on_the_generator() -> None:
    network = built(zero=True)
    assert not network(*inputs()).any()
    same, other = built(zero=True).state_dict(), built(zero=True, seed=5).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in network.state_dict().items())
    assert not torch.equal(network.state_dict()["enter.weight"], other["enter.weight"])


def test_every_parameter_receives_a_gradient() -> None:
    network = built(32)
    velocity = network(*inputs(32))
    (velocity * torch.randn(velocity.shape, generator=seeded(4))).sum().backward()
    lacking = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert lacking == []


def test_time_class_and_factors_change_the_velocity_and_no_factors_are_zeros() -> None:
    network, (x, times, targets, factors) = built(), inputs()
    velocity = network(x, times, targets, factors)
    for changed in ((x, 1 - times, targets, factors), (x, times, (targets + 1) % 4, factors), (x, times, targets)):
        assert not torch.allclose(network(*changed), velocity, atol=1e-4)
    torch.testing.assert_close(network(x, times, targets), network(x, times, targets, torch.zeros(4, 7)))


def test_the_velocity_of_an_image_does_not_depend_on_its_batch_and_is_float32_under_autocast() -> None:
    network, arguments = built(), inputs()
    velocity = network(*arguments)
    alone = network(*(argument[1:2] for argument in arguments))
    torch.testing.assert_close(alone, velocity[1:2], rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = network(*arguments)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, velocity, rtol=0.1, atol=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((18, 4, 1, 4, 3, 7), "18 px is not divisible"),
        ((2, 4, 1, 2, 3, 7), "2 px are too small"),
        ((16, 0, 1, 2, 3, 7), "width is 0"),
        ((16, 4, 0, 2, 3, 7), "blocks is 0"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VelocityUNet(*arguments)
    with pytest.raises(ValueError, match=r"expected images of shape \(n, 3, 16, 16\)"):
        built()(*inputs(32))


def test_with_zero_layers_the_residual_leaves_the_best_linear_guess() -> None:
    rng = seeded(6)
    images, noise = (torch.randn(2000, 3, 16, 16, generator=rng) * deviation for deviation in (0.5, 1.0))
    network = built(zero=True, output="residual")
    for time in (0.1, 0.5, 0.9):
        x, velocity = torch.lerp(images, noise, time), noise - images
        guess = network(x, torch.full((2000,), time), torch.zeros(2000, dtype=torch.int64))
        slope = (x * velocity).mean() / x.square().mean()
        torch.testing.assert_close(guess, slope * x, rtol=0.02, atol=0.02)
        # The layers predict values of variance 1 on inputs of variance 1.
        scale = 0.5 / x.std()
        torch.testing.assert_close((velocity - guess).std(), scale, rtol=0.02, atol=0)


def test_an_image_is_reached_along_a_straight_line_from_any_time() -> None:
    network, (x, _, targets, _) = built(output="image"), inputs()
    for time in (0.3, 1.0):
        times = torch.full((4,), time)
        image = x - time * network(x, times, targets)
        torch.testing.assert_close(image, network._layers(x, times, targets, None))
    assert network(x, torch.zeros(4), targets).isfinite().all()
