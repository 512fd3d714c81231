"""The equations of the rectified flow: noising, times, orders of the solvers, guidance."""

from itertools import pairwise
from math import exp

import pytest
import torch
from torch import Tensor

from helpers.seeds import seeded
from hemabalance.synthesis.flow_settings import Solver
from hemabalance.synthesis.rectified_flow import draw_times, guided, integrate, noised, velocity_loss


class ClassVelocities:
    """A network whose velocity is the number of the class; counts its evaluations."""

    no_class = 9

    def __init__(self) -> None:
        self.evaluations = 0

    def __call__(self, x: Tensor, times: Tensor, targets: Tensor) -> Tensor:
        self.evaluations += 1
        assert times.shape == targets.shape == (len(x),)
        return torch.ones_like(x) * targets[:, None]


def error(solver: Solver, steps: int) -> float:
    """Error at t = 0 of dx/dt = (1 + t) x from x(1) = 1, whose solution is x(0) = exp(-3/2)."""
    x = torch.ones(1, dtype=torch.float64)
    return abs(float(integrate(lambda x, t: (1 + t) * x, x, steps=steps, solver=solver)) - exp(-1.5))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_the_error_of_a_solver_falls_with_its_order(solver: Solver, order: int) -> None:
    errors = [error(solver, steps) for steps in (32, 64, 128)]
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(2**order, rel=0.1)


@pytest.mark.parametrize("solver", ["euler", "midpoint", "heun"])
def test_a_straight_path_takes_one_step_from_any_time(solver: Solver) -> None:
    images, noise = torch.randn(2, 3, 5, 3, generator=seeded(1)).double()
    for start in (1.0, 0.3):
        x = noised(images, noise, torch.full((3,), start, dtype=torch.float64))
        reached = integrate(lambda x, t: noise - images, x, steps=1, solver=solver, start=start)
        torch.testing.assert_close(reached, images)
    assert torch.equal(integrate(lambda x, t: x, images, steps=3, solver=solver, start=0.0), images)


def test_a_noised_image_lies_between_image_and_noise() -> None:
    images, noise = torch.zeros(3, 2, 2), torch.ones(3, 2, 2)
    assert noised(images, noise, torch.tensor([0.0, 0.25, 1.0])).mean((1, 2)).tolist() == [0, 0.25, 1]
    assert float(velocity_loss(noise - images, images, noise)) == 0
    assert float(velocity_loss(images, images, noise)) == 1


def test_times_are_logit_normal() -> None:
    logits = torch.logit(draw_times(20_000, -0.5, 1.5, seeded(1)).double())
    assert float(logits.mean()) == pytest.approx(-0.5, abs=0.05)
    assert float(logits.std()) == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize(("guidance", "value", "evaluations"), [(1.0, 2, 1), (2.5, 9 - 2.5 * 7, 2), (0.0, 9, 2)])
def test_guidance_weighs_the_class(guidance: float, value: float, evaluations: int) -> None:
    network = ClassVelocities()
    velocity = guided(network, torch.full((3,), 2), guidance)(torch.zeros(3, 1), 0.5)
    assert velocity.flatten().tolist() == [value] * 3
    assert network.evaluations == evaluations


@pytest.mark.parametrize(("solver", "stages"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_a_step_evaluates_the_network_once_a_stage(solver: Solver, stages: int) -> None:
    network = ClassVelocities()
    integrate(guided(network, torch.zeros(2, dtype=torch.int64), 1.0), torch.zeros(2, 1), steps=5, solver=solver)
    assert network.evaluations == 5 * stages
