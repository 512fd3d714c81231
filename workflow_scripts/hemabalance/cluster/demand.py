"""What to ask a cluster for, by the size of a job's inputs, from jobs that were measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from hemabalance.cluster.benchmarks import MeasuredJob
from hemabalance.cluster.siblings import siblings

MARGIN = 1.5
"""Of memory, on what was measured: benchmarks look every half minute, and may miss a peak."""
SNAKEMAKE_MB = 500
"""The two processes of Snakemake around a job on a cluster, 180 MB each, which no benchmark counts."""
NETWORKS_MB = 6000
"""More for rules with networks. Not measured: CUDA's libraries, and networks wider than those of a small run."""
LEAST_MB = 1000
STEEPEST_MB = 50.0
"""MiB of memory a MiB of inputs: PNG to float32, several times over. Steeper is chance, among files of some KiB."""
TIME_MARGIN = 5.0
LEAST_MINUTES = 120
NETWORKS_MINUTES = 1440
"""For rules with networks: it depends on steps and widths in config and on the GPU, and nothing measured tells it."""


@dataclass(frozen=True)
class LinearBound:
    """`base + slope * x`."""

    base: float
    slope: float


@dataclass(frozen=True)
class Demand:
    """What a first attempt of a rule's jobs is given.

    Attributes:
        memory: MiB, by MiB of inputs.
        minutes: run time, by MiB of inputs.
        jobs: what it was learned from.
    """

    memory: LinearBound
    minutes: LinearBound
    jobs: Sequence[MeasuredJob]

    @property
    def networks(self) -> bool:
        """Whether the rule trains or runs networks."""
        return any(job.networks for job in self.jobs)


def line_above(x: Sequence[float], y: Sequence[float], steepest: float) -> LinearBound:
    """The least-squares line that rises by 0 to `steepest`, lifted until no point is above it and 0 is not below.

    Args:
        x: where it was measured.
        y: what was, as many; none at all give 0.
        steepest: upper bound of the slope.
    """
    if not y:
        return LinearBound(0.0, 0.0)
    across = np.asarray(x, float) - np.mean(x)
    spread = float(across @ across)
    slope = float(np.clip(across @ np.asarray(y, float) / spread, 0.0, steepest)) if spread > 0 else 0.0
    base = max(there - slope * where for where, there in zip(x, y, strict=True))
    return LinearBound(max(0.0, base), slope)


def demands(jobs: Sequence[MeasuredJob]) -> dict[str, Demand]:
    """By rule, in alphabetical order, what to ask for; rules that are one several times are measured together."""
    rules = sorted({rule for job in jobs for rule in siblings(job.rule)})
    return {rule: _demand([job for job in jobs if job.rule in siblings(rule)]) for rule in rules}


def _demand(jobs: Sequence[MeasuredJob]) -> Demand:
    networks = any(job.networks for job in jobs)
    held = [(job.input_mb, job.memory_mb) for job in jobs if job.memory_mb is not None]
    line = line_above([x for x, _ in held], [y for _, y in held], STEEPEST_MB)
    more = SNAKEMAKE_MB + NETWORKS_MB * networks
    memory = LinearBound(_up(max(LEAST_MB, MARGIN * line.base + more), 100), _up(MARGIN * line.slope, 0.1))
    if networks:
        return Demand(memory, LinearBound(NETWORKS_MINUTES, 0.0), jobs)
    took = line_above([job.input_mb for job in jobs], [job.seconds / 60 for job in jobs], 1.0)
    minutes = LinearBound(_up(max(LEAST_MINUTES, TIME_MARGIN * took.base), 10), _up(TIME_MARGIN * took.slope, 0.01))
    return Demand(memory, minutes, jobs)


def _up(value: float, step: float) -> float:
    """The next multiple of a step, with no digits that it does not have."""
    return round(ceil(round(value / step, 6)) * step, 2)
