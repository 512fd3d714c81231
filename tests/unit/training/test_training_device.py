"""Device, precision and seeds of a runtime, and one optimiser step."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from helpers.small_trainings import cpu
from hemabalance.errors import InputError
from hemabalance.training.device import start, unwrapped
from hemabalance.training.monitor import TrainingDiverged


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a machine with a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def start_with(**options: object) -> None:
    start(**{"device": "cpu", "precision": "32", "devices": 1, "seed": 0, "threads": 1, **options})  # type: ignore[arg-type]


@pytest.mark.usefixtures("without_gpu")
def test_missing_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(InputError, match='config key device: is "cuda", but this build of PyTorch is for the CPU'):
        start_with(device="cuda")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(InputError, match=r"PyTorch finds no GPU on this machine\. Set it to cpu"):
        start_with(device="cuda")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, 'config key device: is "gpu". Choose cpu or cuda'),
        ({"precision": "16"}, 'config key precision: is "16"'),
        ({"devices": 0}, "config key devices: is 0"),
    ],
)
def test_unknown_options_are_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        start_with(**options)


def test_too_few_gpus_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="config key devices: is 4, but this machine has 2 GPUs"):
        start_with(device="cuda", devices=4)


def test_start_seeds_every_generator() -> None:
    def random_values(seed: int) -> tuple[float, ...]:
        runtime = cpu(seed=seed)
        named = [torch.rand(1, generator=runtime.generator(name)).item() for name in ("x", "y")]
        return (random.random(), np.random.random(), torch.rand(1).item(), *named)

    first, again, with_other_seed = random_values(1), random_values(1), random_values(2)
    assert first == again
    assert len({*first, *with_other_seed}) == 10


def test_slurm_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task of a larger Slurm job trains in one process."""
    for name, value in {"NTASKS": "4", "PROCID": "3", "LOCALID": "3", "JOB_NAME": "job", "JOB_ID": "1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    runtime = cpu()
    assert (runtime.rank, runtime.world_size) == (0, 1)


def test_threads_are_set() -> None:
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            start_with(threads=threads)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_bfloat16_is_used_inside_and_float32_outside() -> None:
    runtime = cpu("bf16")
    inside: list[torch.dtype] = []
    net = runtime.setup(nn.Conv2d(3, 2, 3))
    unwrapped(net).register_forward_hook(lambda module, inputs, output: inside.append(output.dtype))
    output = net(torch.rand(1, 3, 5, 5))
    assert inside == [torch.bfloat16]
    assert output.dtype == torch.float32
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    with runtime.autocast():
        assert (torch.rand(2, 2) @ torch.rand(2, 2)).dtype == torch.bfloat16
    with cpu().autocast():
        assert (torch.rand(2, 2) @ torch.rand(2, 2)).dtype == torch.float32


def test_minimise_takes_one_step_and_returns_the_gradient_norm() -> None:
    runtime = cpu()
    first, second = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], 0.5)
    networks = [runtime.setup(first), runtime.setup(second)]
    before = [p.detach().clone() for p in (first.weight, second.weight)]
    x = torch.tensor([[3.0, 0.0]])
    for k in (1, 2):
        loss = networks[0](x).sum() + networks[1](x[:, [1, 0]] * 4 / 3).sum()
        norm = runtime.minimise(loss, optimizer, networks, "both")
        assert norm.item() == pytest.approx(5.0)
        assert not norm.requires_grad
        torch.testing.assert_close(first.weight, before[0] - torch.tensor([[1.5 * k, 0.0]]))
        torch.testing.assert_close(second.weight, before[1] - torch.tensor([[0.0, 2.0 * k]]))


def test_minimise_stops_before_the_step() -> None:
    runtime = cpu()
    line = nn.Linear(1, 1)
    net, optimizer = runtime.setup(line, torch.optim.SGD(line.parameters(), 0.1))
    before = [p.detach().clone() for p in net.parameters()]
    loss = net(torch.ones(1, 1)).sum()
    with pytest.raises(TrainingDiverged, match="the gradient of critic is inf"):
        runtime.minimise(torch.sqrt(loss - loss.detach()), optimizer, [net], "critic")
    assert all(torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True))


def test_unwrapped_returns_the_network_itself() -> None:
    net = nn.Linear(1, 1)
    assert unwrapped(cpu().setup(net)) is net
    assert unwrapped(net) is net
