"""Part 4: a training that is stopped and resumed, compared with an uninterrupted one."""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hemabalance.gpu_check.cases import TrainingCase
from hemabalance.gpu_check.steps import Machine
from hemabalance.training.checkpoint import weights
from hemabalance.training.loop import Schedule, train

SMALL = {
    "architecture": "efficientnet_b0",
    "width": 16, "critic_width": 16, "discriminator_width": 8, "encoder_width": 8, "stem": 16, "groups": 4,
    "depths": (1, 1, 1, 1), "batch": 8, "shots": 4, "inner_steps": 2, "critic_steps": 2, "input_size": 64,
    "validate_every": 50, "snapshots": 2, "snapshot_adapt_steps": 2, "blocks": 2,
}  # fmt: skip
"""Settings of small networks: hundreds of steps in seconds."""
SIZE = 64


class _Stopped(BaseException):
    """Interrupts a training."""


@dataclass
class _StopsAt:
    """A trainable that is interrupted before one of its steps."""

    trainable: Any
    step_to_stop: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trainable, name)

    def step(self) -> Mapping[str, Tensor]:
        if self.trainable.runtime.step == self.step_to_stop:
            raise _Stopped
        losses: Mapping[str, Tensor] = self.trainable.step()
        return losses


def resume_row(case: TrainingCase, machine: Machine, steps: int) -> dict[str, Any]:
    """Train `steps` steps, and again with a stop after half of them, with deterministic algorithms.

    Returns:
        JSON values: `steps, equal` (all weights and the history, bit by bit)`, difference` (largest absolute
        difference of a weight)`, history_equal, not_deterministic` (operations without a deterministic algorithm).
    """
    length = "episodes" if "episodes" in type(case.settings).model_fields else "steps"
    short = case.changed({length: steps, "adapt_steps": 2})
    with _deterministic() as operations:
        whole = _trained(short, machine, steps, "whole", stop_after=None)
        halves = _trained(short, machine, steps, "halves", stop_after=steps // 2)
    pairs = [(whole.weights[name], halves.weights[name]) for name in whole.weights]
    difference = max(float((a.double() - b.double()).abs().max()) if a.numel() else 0.0 for a, b in pairs)
    equal = all(torch.equal(a, b) for a, b in pairs)
    history_equal = whole.history == halves.history
    return {
        "steps": steps,
        "equal": equal and history_equal,
        "difference": difference,
        "history_equal": history_equal,
        "not_deterministic": sorted(operations),
    }


@dataclass(frozen=True)
class _Result:
    weights: dict[str, Tensor]
    history: bytes


def _trained(case: TrainingCase, machine: Machine, steps: int, name: str, *, stop_after: int | None) -> _Result:
    folder = machine.folder / "resume" / name
    shutil.rmtree(folder, ignore_errors=True)
    schedule = Schedule(steps, checkpoint_every=max(1, steps // 2), log_every=max(1, steps // 8))
    stops = [stop_after + 1, None] if stop_after is not None else [None]
    for stop in stops:
        job = replace(machine.job(), state=folder / "state", history=folder / "history.jsonl")
        trainable: Any = case.training(job)
        with suppress(_Stopped):
            train(
                trainable if stop is None else _StopsAt(trainable, stop), schedule, state=job.state,
                history=job.history, description={}, runtime=job.runtime, what=f"resuming {case.name}, {name}",
            )  # fmt: skip
    result = _Result({k: v.detach().cpu().clone() for k, v in weights(trainable).items()}, job.history.read_bytes())
    shutil.rmtree(folder)
    return result


@contextmanager
def _deterministic() -> Iterator[set[str]]:
    """Within the block operations are deterministic where possible; yields the names of those that are not."""
    operations: set[str] = set()
    before = torch.are_deterministic_algorithms_enabled()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield operations
        finally:
            torch.use_deterministic_algorithms(before)
            messages = [str(warning.message) for warning in caught]
            operations |= {text.split(" does not have")[0] for text in messages if "deterministic" in text}
