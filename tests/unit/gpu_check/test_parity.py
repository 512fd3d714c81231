"""Parity: a step on the device gives what it gives on the CPU, and a wrong kernel is found."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hemabalance.gpu_check.cases import TrainingCase
from hemabalance.gpu_check.cpu_randomness import CpuRandomness
from hemabalance.gpu_check.parity import differences, parity_row, step_result
from hemabalance.gpu_check.steps import Machine
from hemabalance.section import Section
from hemabalance.training.job import FitJob
from hemabalance.training.monitor import TrainingDiverged


class OneConvolution(nn.Module):
    """A convolution that is wrong by a factor where the kernels of the device under check run."""

    def __init__(self, fault: float) -> None:
        super().__init__()
        self.convolution, self.fault = nn.Conv2d(3, 4, 3), fault

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.convolution(x)
        # On a machine without a GPU the check computes without oneDNN in the GPU's place.
        return output if torch.backends.mkldnn.enabled else output * (1 + self.fault)  # type: ignore[attr-defined]


class OneConvolutionTraining:
    """A `Trainable` of one convolution on random images."""

    def __init__(self, job: FitJob, fault: float) -> None:
        self.runtime = job.runtime
        torch.manual_seed(1)
        network = OneConvolution(fault)
        self.network, optimizer = job.runtime.setup(network, torch.optim.Adam(network.parameters(), 1e-2))
        self.networks = {"network": self.network}
        self.optimizers = {"network": optimizer}
        self.generators = {"images": job.runtime.generator("images")}
        self.schedulers: dict[str, Any] = {}
        self.averages: dict[str, Any] = {}
        self.samplers: dict[str, Any] = {}

    def step(self) -> dict[str, Tensor]:
        images = torch.randn(2, 3, 8, 8, generator=self.generators["images"], device=self.runtime.device)
        loss = self.network(images).float().square().mean()
        self.runtime.minimise(loss, self.optimizers["network"], [self.network], "square")
        return {"square": loss.detach()}


def case(fault: float) -> TrainingCase:
    return TrainingCase(
        "stain_fit", "planted", "planted", Section(), 8, lambda s, n, job: OneConvolutionTraining(job, fault)
    )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine("cpu", 1, tmp_path)


@pytest.mark.parametrize(("fault", "same"), [(0.0, True), (0.002, False)])
def test_a_wrong_kernel_is_found(machine: Machine, fault: float, same: bool) -> None:
    row = parity_row(case(fault), machine, bf16=False)
    assert row["same"] is same
    assert row["forward"] == pytest.approx(fault, rel=0.1, abs=1e-5)
    assert row["rounding"] < 1e-5


def test_a_kernel_that_gives_no_number_is_an_error(machine: Machine) -> None:
    with pytest.raises(TrainingDiverged, match="the loss square is nan"):
        parity_row(case(float("nan")), machine, bf16=False)


def test_learning_is_off_and_random_numbers_repeat(machine: Machine) -> None:
    first, second = (step_result(case(0.0), machine.job()) for _ in range(2))
    assert max(differences(first, second).values()) == 0
    assert float(first.gradients["network"].abs().max()) > 0


def test_missing_and_not_finite_values_differ(machine: Machine) -> None:
    result = step_result(case(0.0), machine.job())
    changed = type(result)({}, {"square": float("nan")}, result.gradients, {}, {})
    assert differences(changed, result) == {"forward": float("inf"), "losses": float("inf"), "gradients": 0.0}


def test_random_numbers_are_those_of_the_cpu() -> None:
    generator, same = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    torch.manual_seed(4)
    with CpuRandomness():
        numbers = torch.rand(5, generator=generator)
        in_place = torch.zeros(5).normal_(generator=generator)
        dropped = nn.functional.dropout(torch.ones(100), 0.5)
    assert torch.equal(numbers, torch.rand(5, generator=same))
    assert torch.equal(in_place, torch.zeros(5).normal_(generator=same))
    assert 20 < int((dropped == 0).sum()) < 80
    assert generator.get_state().equal(torch.Generator().manual_seed(3).get_state())  # its twin was used


def test_bf16_is_compared_and_its_data_types_are_listed(machine: Machine) -> None:
    row = parity_row(case(0.0), machine, bf16=True)
    assert 1e-4 < row["bf16_forward"] < 0.05
    assert row["loss_dtypes"] == {"square": "float32"}
    assert row["convolutions"] == {"bfloat16": 2}
