"""Part 2: steps of each training at the sizes of the run: speed, memory, and how busy the device is."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity, profile

from hemabalance.gpu_check.cases import TrainingCase
from hemabalance.gpu_check.steps import Machine, take_steps, watched_pools
from hemabalance.training.device import unwrapped
from hemabalance.training.trainable import Trainable


@dataclass(frozen=True)
class Variant:
    """One way to run the same training.

    Attributes:
        name: for the tables.
        precision: of the runtime: "32" or "bf16".
        tf32: whether convolutions in float32 may use TensorFloat-32.
        channels_last: whether the weights of all networks are stored channels last.
        compiled: whether the networks are compiled with torch.compile.
    """

    name: str
    precision: str = "32"
    tf32: bool = True
    channels_last: bool = False
    compiled: bool = False


DEFAULT = Variant("float32, TF32")
"""The precision "32" of the config: PyTorch lets cuDNN use TensorFloat-32."""
VARIANTS = (
    DEFAULT,
    Variant("bf16", "bf16"),
    Variant("bf16, channels last", "bf16", channels_last=True),
    Variant("float32, TF32, channels last", channels_last=True),
    Variant("float32", tf32=False),
)
"""In the order in which they are measured while the time suffices."""
COMPILED = (
    Variant("float32, TF32, compiled", compiled=True),
    Variant("bf16, channels last, compiled", "bf16", channels_last=True, compiled=True),
)
"""Only for classifiers: a compiled network cannot be differentiated twice, as the gradient penalty requires."""
RUNS = 4
PROFILED_STEPS = 2


@dataclass(frozen=True)
class Effort:
    """How long one training is measured: after `warm_up` steps, for `seconds` or `max_steps`, at least two steps."""

    warm_up: int
    seconds: float
    max_steps: int


def speed_row(case: TrainingCase, variant: Variant, machine: Machine, effort: Effort) -> dict[str, Any]:
    """The row of one training in one variant; if memory is too small, with half the batch, and so on.

    Returns:
        JSON values: `variant, batch, out_of_memory` (batches that did not fit)`, step_s` (median)`, steps_per_s,
        images_per_s, loader_share` (time of a step in which images are read)`, warm_up_s` (build and first steps)`,
        memory_mib` (peak on the device; None on the CPU)`, busy` (share of a step in which kernels run; None on the
        CPU)`.

    Raises:
        torch.cuda.OutOfMemoryError: a batch of two images does not fit.
    """
    too_large: list[int] = []
    while True:
        try:
            row = _measure(case, variant, machine, effort)
            return {"variant": variant.name, "batch": case.batch, "out_of_memory": too_large, **row}
        except torch.cuda.OutOfMemoryError:
            if case.batch < 4:
                raise
            too_large.append(case.batch)
            case = case.changed({case.batch_key: case.batch // 2})
        finally:
            if machine.device == "cuda":
                torch.cuda.empty_cache()


def _measure(case: TrainingCase, variant: Variant, machine: Machine, effort: Effort) -> dict[str, Any]:
    job = machine.job(variant.precision)
    device, begin = job.runtime.device, time.perf_counter()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    precision = "tf32" if variant.tf32 else "ieee"
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=variant.tf32, fp32_precision=precision):
        training = case.training(job)
        _prepare(training, variant)

        def steps(count: int) -> None:
            take_steps(training, job.runtime, count)

        steps(effort.warm_up)
        warm_up_s = time.perf_counter() - begin
        step_s = _step_seconds(steps, effort)
        memory = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else None
        with watched_pools(device) as use:
            start = time.perf_counter()
            steps(1)
            watched_s = time.perf_counter() - start
        busy = _kernel_seconds(steps) / step_s if device.type == "cuda" else None
    return {
        "step_s": step_s,
        "steps_per_s": 1 / step_s,
        "images_per_s": use.images / step_s,
        "loader_share": use.seconds / watched_s,
        "warm_up_s": warm_up_s,
        "memory_mib": memory,
        "busy": None if busy is None else min(1.0, busy),
    }


def _prepare(training: Trainable, variant: Variant) -> None:
    for network in training.networks.values():
        inner: nn.Module = unwrapped(network)
        if variant.channels_last:
            inner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if variant.compiled:
            inner.compile()


def _step_seconds(steps: Callable[[int], None], effort: Effort) -> float:
    """Seconds of a step: the median over runs of several steps, between which the device is not waited for."""
    count, times = max(1, effort.max_steps // RUNS), list[float]()
    while len(times) < 2 or (sum(times) * count < effort.seconds and len(times) < RUNS):
        begin = time.perf_counter()
        steps(count)
        times.append((time.perf_counter() - begin) / count)
    return statistics.median(times)


def _kernel_seconds(steps: Callable[[int], None]) -> float:
    """Seconds of a step in which kernels ran on the device; kernels that overlap would count twice."""
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiler:
        steps(PROFILED_STEPS)
    events = [event for event in profiler.key_averages() if event.device_type == DeviceType.CUDA]
    microseconds = sum(event.self_device_time_total for event in events if not event.is_user_annotation)
    return float(microseconds) / 1e6 / PROFILED_STEPS
