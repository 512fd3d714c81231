"""Part 1: one step of each training on the device and on the CPU, and in bfloat16, from the same weights and images.

The step is taken with a learning rate of 0, so that the gradients of all networks belong to the same weights: the first
update of Adam is as large for a gradient of rounding noise as for any other.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from hemabalance.gpu_check.cases import TrainingCase
from hemabalance.gpu_check.cpu_randomness import CpuRandomness
from hemabalance.gpu_check.steps import Machine, take_steps
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.trainable import Trainable

FEW = {"batch": 4, "shots": 4, "critic_steps": 1, "inner_steps": 1, "drop_rate": 0.0}
"""Settings with which a step is taken: full networks, few images."""
FACTOR, LEAST = 300.0, 1e-4
"""A difference is accepted up to `FACTOR` times the difference that a change of all weights in their last bit makes,
and up to `LEAST` in any case. TensorFloat-32, which has 13 bits fewer, would exceed it."""


@dataclass(frozen=True)
class StepResult:
    """Values of one step.

    Attributes:
        outputs: the first output of each network, by name, on the CPU.
        losses: by name.
        gradients: of the first update of each optimiser, by its name, flat, on the CPU.
        dtypes: data type of each loss.
        convolutions: number of convolutions, forward and backward, by data type.
    """

    outputs: Mapping[str, Tensor]
    losses: Mapping[str, float]
    gradients: Mapping[str, Tensor]
    dtypes: Mapping[str, str]
    convolutions: Mapping[str, int]


def parity_row(case: TrainingCase, machine: Machine, *, bf16: bool) -> dict[str, Any]:
    """The row of one training.

    Returns:
        JSON values: relative differences between device and CPU of `forward`, `losses` and `gradients`, each the
        largest of all networks; `rounding`, the largest difference on the CPU after a change of all weights in the last
        bit; `limit`; `same`, whether no difference exceeds the limit. With bf16 also the differences between bfloat16
        and float32 on the device (`bf16_forward`, …), `loss_dtypes`, and `convolutions` by data type.
    """
    few = case.changed(FEW)
    reference = step_result(few, machine.job(device="cpu"))
    disturbed = step_result(few, machine.job(device="cpu"), change=change_last_bit)
    if machine.device == "cuda":
        checked = on_device = step_result(few, machine.job())
    else:
        on_device = reference
        with other_kernels():
            checked = step_result(few, machine.job())
    rounding = max(differences(disturbed, reference).values())
    found = differences(checked, reference)
    limit = max(LEAST, FACTOR * rounding)
    row: dict[str, Any] = {**found, "rounding": rounding, "limit": limit, "same": max(found.values()) <= limit}
    if bf16:
        rounded = step_result(few, machine.job("bf16"))
        row |= {f"bf16_{name}": value for name, value in differences(rounded, on_device).items()}
        row |= {"loss_dtypes": dict(rounded.dtypes), "convolutions": dict(rounded.convolutions)}
    return row


def step_result(
    case: TrainingCase, job: FitJob, *, change: Callable[[Iterable[nn.Module]], None] | None = None
) -> StepResult:
    """Take one step of a training with a learning rate of 0; `change` changes its networks before."""
    training = case.training(job)
    if change is not None:
        change(training.networks.values())
    outputs: dict[str, Tensor] = {}
    gradients: dict[str, Tensor] = {}
    hooks = [*_record_outputs(training, outputs), *_record_gradients(training, gradients)]
    counter = _Convolutions()
    ieee_float32 = torch.backends.cudnn.flags(enabled=True, allow_tf32=False, fp32_precision="ieee")
    with ieee_float32, CpuRandomness(), counter:
        losses = take_steps(training, job.runtime, 1)
    for hook in hooks:
        hook.remove()
    return StepResult(
        outputs,
        {name: float(loss) for name, loss in losses.items()},
        gradients,
        {name: str(loss.dtype).removeprefix("torch.") for name, loss in losses.items()},
        dict(counter.counts),
    )


def differences(result: StepResult, reference: StepResult) -> dict[str, float]:
    """The largest relative differences of `forward`, `losses` and `gradients`.

    Of tensors, the L2 norm of the difference over the norm of the reference; of losses, the difference over the
    reference, at least 1, because losses of Wasserstein critics are differences that may be near 0. Values that only
    one result has, and values that are not finite, are an infinite difference.
    """
    return {
        "forward": _largest(result.outputs, reference.outputs, _relative),
        "losses": _largest(result.losses, reference.losses, lambda a, b: abs(a - b) / max(1.0, abs(b))),
        "gradients": _largest(result.gradients, reference.gradients, _relative),
    }


def other_kernels() -> AbstractContextManager[None]:
    """Within the block the CPU computes without oneDNN: other kernels, for a check without a GPU."""
    context: AbstractContextManager[None] = torch.backends.mkldnn.flags(enabled=False)
    return context


@torch.no_grad()
def change_last_bit(networks: Iterable[nn.Module]) -> None:
    """Change every weight by one unit in the last place, up or down at random."""
    rng = torch.Generator().manual_seed(1)
    for network in networks:
        for parameter in network.parameters():
            up = torch.rand(parameter.shape, generator=rng) < 0.5
            target = torch.where(up, torch.inf, -torch.inf).to(parameter)
            parameter.copy_(torch.nextafter(parameter, target))


def _relative(value: Tensor, reference: Tensor) -> float:
    norm = float(torch.linalg.vector_norm(reference.double()))
    distance = float(torch.linalg.vector_norm(value.double() - reference.double()))
    return distance / norm if norm else distance


def _largest(values: Mapping[str, Any], reference: Mapping[str, Any], difference: Callable[[Any, Any], float]) -> float:
    if values.keys() != reference.keys():
        return float("inf")
    found = [difference(values[name], reference[name]) for name in values]
    return max((value if value == value else float("inf") for value in found), default=0.0)


def _record_outputs(training: Trainable, outputs: dict[str, Tensor]) -> list[Any]:
    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                outputs.setdefault(name, output.detach().float().cpu())

        return hook

    return [unwrapped(network).register_forward_hook(hook_of(name)) for name, network in training.networks.items()]


def _record_gradients(training: Trainable, gradients: dict[str, Tensor]) -> list[Any]:
    def hook_of(name: str) -> Callable[[torch.optim.Optimizer, Any, Any], None]:
        def hook(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            if name not in gradients:
                parameters = (p for group in optimizer.param_groups for p in group["params"])
                gradients[name] = torch.cat([p.grad.float().cpu().flatten() for p in parameters if p.grad is not None])
            for group in optimizer.param_groups:
                group["lr"] = 0.0

        return hook

    return [optimizer.register_step_pre_hook(hook_of(name)) for name, optimizer in training.optimizers.items()]


class _Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block counts the convolutions, forward and backward, by the data type of their images."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count and run one operation."""
        if func in (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default):
            self.counts[str(args[0].dtype).removeprefix("torch.")] += 1
        return func(*args, **(kwargs or {}))
