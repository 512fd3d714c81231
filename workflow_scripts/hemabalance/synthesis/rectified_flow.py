"""Rectified flow (Liu, Gong, Liu 2023, arXiv:2209.03003; Lipman et al. 2023, arXiv:2210.02747), without a network.

An image x and standard normal noise e are joined by a straight line, x_t = (1 - t) x + t e with t from 0 to 1. A
network learns the velocity v = e - x of the points on these lines (mean squared error); images are sampled by following
the velocity from noise at t = 1 to t = 0.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from hemabalance.synthesis.flow_settings import Solver

Velocity = Callable[[Tensor, float], Tensor]
"""The velocity at points (n, ...) and a time in [0, 1], of the shape of the points."""


class VelocityNetwork(Protocol):
    """A network such as `networks.velocity_unet.VelocityUNet`."""

    no_class: int

    def __call__(self, x: Tensor, times: Tensor, targets: Tensor) -> Tensor:
        """Velocities at points (n, ...), times (n,) and classes int64 (n,)."""


def draw_times(count: int, mean: float, deviation: float, generator: torch.Generator) -> Tensor:
    """Times in (0, 1) whose logit is normal (Esser et al. 2024, arXiv:2403.03206, section 3.1), float32 (count,).

    Args:
        count: number of times.
        mean, deviation: of the logit.
        generator: on the device of the result.
    """
    normal = torch.randn(count, generator=generator, device=generator.device)
    return torch.sigmoid(mean + deviation * normal)


def noised(images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """(1 - t) image + t noise, for images and noise (n, ...) and times (n,) in [0, 1]."""
    return torch.lerp(images, noise, times.view(-1, *[1] * (images.ndim - 1)))


def velocity_loss(velocity: Tensor, images: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error of predicted velocities against noise - image, 0-dim, float32."""
    return functional.mse_loss(velocity.float(), (noise - images).float())


def guided(network: VelocityNetwork, targets: Tensor, guidance: float) -> Velocity:
    """The velocity towards classes with classifier-free guidance (Ho, Salimans 2022, arXiv:2207.12598).

    v = v_none + guidance (v_class - v_none). With guidance 1, v_class: the network is evaluated once instead of twice.

    Args:
        network: the network.
        targets: int64 (n,), index of the class of each point.
        guidance: weight of the class.
    """

    def velocity(x: Tensor, time: float) -> Tensor:
        times = torch.full((len(x),), time, device=x.device)
        conditional = network(x, times, targets)
        if guidance == 1:
            return conditional
        return torch.lerp(network(x, times, torch.full_like(targets, network.no_class)), conditional, guidance)

    return velocity


def integrate(velocity: Velocity, x: Tensor, *, steps: int, solver: Solver, start: float = 1.0) -> Tensor:
    """Follow the velocity from points at the time `start` to time 0, in steps of equal length.

    Args:
        velocity: evaluated once a step by `euler` (first order), twice by `midpoint` and `heun` (second order).
        x: points (n, ...) at the time `start`.
        steps: number of steps, at least 1.
        solver: rule of a step.
        start: time in [0, 1]; 0 returns the points.

    Returns:
        Points at the time 0.
    """
    times = [start * (steps - k) / steps for k in range(steps + 1)]
    for time, following in pairwise(times):
        length = following - time
        slope = velocity(x, time)
        if solver == "midpoint":
            slope = velocity(x + length / 2 * slope, time + length / 2)
        elif solver == "heun":
            slope = (slope + velocity(x + length * slope, following)) / 2
        x = x + length * slope
    return x
