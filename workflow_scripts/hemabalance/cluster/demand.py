"""Estimate memory and run time of jobs as functions of the size of their inputs, from measured jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from hemabalance.cluster.benchmarks import MeasuredJob
from hemabalance.cluster.gpu_measurements import GpuDemand
from hemabalance.cluster.siblings import siblings

MARGIN = 1.5
"""Safety factor on measured memory: benchmarks sample it every half minute and may miss a peak."""
SNAKEMAKE_MB = 500
"""For Snakemake's two processes around a cluster job, 180 MB each, which benchmarks do not include."""
NETWORKS_MB = 6000
"""Additional memory of rules with networks that were not measured on a GPU: CUDA libraries and larger networks."""
LEAST_MB = 1000
MAX_SLOPE_MB = 50.0
"""Largest slope, MiB of memory per MiB of inputs: several float32 copies of PNG images. For inputs of some KiB,
steeper slopes are noise."""
TIME_MARGIN = 5.0
LEAST_MINUTES = 120
NETWORKS_MINUTES = 1440
"""Run time of rules with networks that were not measured on a GPU: it depends on steps, widths and GPU."""
GPU_TIME_MARGIN = 2.0
"""Safety factor on projected trainings, which leave out validation, snapshots and starting."""


@dataclass(frozen=True)
class LinearBound:
    """`base + slope * x`."""

    base: float
    slope: float


@dataclass(frozen=True)
class Demand:
    """Memory and run time of the first attempt of a rule's jobs.

    Attributes:
        memory: MiB, as a function of MiB of inputs.
        minutes: run time, as a function of MiB of inputs.
        jobs: the measured jobs that it was estimated from.
        gpu: measurements on a GPU; None without them.
    """

    memory: LinearBound
    minutes: LinearBound
    jobs: Sequence[MeasuredJob]
    gpu: GpuDemand | None = None

    @property
    def networks(self) -> bool:
        """Whether the rule trains or runs networks."""
        return any(job.networks for job in self.jobs)


def upper_line(x: Sequence[float], y: Sequence[float], max_slope: float) -> LinearBound:
    """The least-squares line with a slope of 0 to `max_slope`, raised until no point is above it.

    Its base is not negative.

    Args:
        x: abscissas.
        y: ordinates, as many; without points, the line is 0.
        max_slope: upper bound of the slope.
    """
    if not y:
        return LinearBound(0.0, 0.0)
    centred = np.asarray(x, float) - np.mean(x)
    spread = float(centred @ centred)
    slope = float(np.clip(centred @ np.asarray(y, float) / spread, 0.0, max_slope)) if spread > 0 else 0.0
    base = max(ordinate - slope * abscissa for abscissa, ordinate in zip(x, y, strict=True))
    return LinearBound(max(0.0, base), slope)


def demands(jobs: Sequence[MeasuredJob], gpu: Mapping[str, GpuDemand] | None = None) -> dict[str, Demand]:
    """The demand of each rule, in alphabetical order; the jobs of sibling rules are pooled.

    Args:
        jobs: measured jobs.
        gpu: measurements of rules on a GPU, by rule; rules without them get default values.
    """
    rules = sorted({rule for job in jobs for rule in siblings(job.rule)})
    measured = gpu or {}
    return {rule: _demand([job for job in jobs if job.rule in siblings(rule)], measured.get(rule)) for rule in rules}


def _demand(jobs: Sequence[MeasuredJob], gpu: GpuDemand | None) -> Demand:
    networks = any(job.networks for job in jobs)
    points = [(job.input_mb, job.memory_mb) for job in jobs if job.memory_mb is not None]
    line = upper_line([x for x, _ in points], [y for _, y in points], MAX_SLOPE_MB)
    extra = SNAKEMAKE_MB + (MARGIN * gpu.host_memory_mb if gpu else NETWORKS_MB * networks)
    memory = LinearBound(_round_up(max(LEAST_MB, MARGIN * line.base + extra), 100), _round_up(MARGIN * line.slope, 0.1))
    if gpu:
        minutes = _round_up(max(LEAST_MINUTES, 60 * GPU_TIME_MARGIN * gpu.hours), 10)
        return Demand(memory, LinearBound(minutes, 0.0), jobs, gpu)
    if networks:
        return Demand(memory, LinearBound(NETWORKS_MINUTES, 0.0), jobs)
    line = upper_line([job.input_mb for job in jobs], [job.seconds / 60 for job in jobs], 1.0)
    base = _round_up(max(LEAST_MINUTES, TIME_MARGIN * line.base), 10)
    return Demand(memory, LinearBound(base, _round_up(TIME_MARGIN * line.slope, 0.01)), jobs)


def _round_up(value: float, step: float) -> float:
    """The next multiple of a step, rounded to two decimals to remove floating-point residues."""
    return round(ceil(round(value / step, 6)) * step, 2)
