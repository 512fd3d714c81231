"""Where the time of a run went: its jobs, the longest chain of them, and what would make the run shorter."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path

from hemabalance.bookkeeping.job_graph import RecordedJob, longest_chain, recorded_jobs
from hemabalance.bookkeeping.records import Records
from hemabalance.cluster.benchmarks import MeasuredJob, core_seconds, measured_jobs

BUSY = 0.6
"""Processor time by clock time below which the advice names waiting jobs or a busy machine."""

LONGER = 1.25
"""Time of a run by length of its chain above which more cores are said to help."""


@dataclass(frozen=True)
class RuleTime:
    """The jobs of one rule.

    Attributes:
        rule: its name.
        jobs: number of its finished jobs.
        seconds: sum of their run times.
        processor_seconds: sum of their processor times.
        load: processor time by run time of the jobs whose processor time was measured, from 0 to the number of cores
            of a job; None if no job took long enough to be measured.
    """

    rule: str
    jobs: int
    seconds: float
    processor_seconds: float
    load: float | None


@dataclass(frozen=True)
class RunTimes:
    """The finished jobs of a run.

    Attributes:
        jobs: all that were measured.
        chain: the longest chain of jobs, each of which needs the one before, in the order in which they run; empty
            without Snakemake's records.
        unrecorded: number of measured jobs that Snakemake has no record of; a chain cannot pass through them.
        busy_seconds: time in which at least one of the recorded jobs ran.
        mean_cores: cores that recorded jobs had in that time, on average.
    """

    jobs: Sequence[MeasuredJob]
    chain: Sequence[MeasuredJob]
    unrecorded: int
    busy_seconds: float
    mean_cores: float

    @property
    def seconds(self) -> float:
        """Sum of the run times of all jobs."""
        return sum(job.seconds for job in self.jobs)

    @property
    def chain_seconds(self) -> float:
        """Run time of the chain: the least time of the run with unlimited cores."""
        return sum(job.seconds for job in self.chain)


def run_times(run: Path) -> RunTimes:
    """Read the benchmarks of a run, and Snakemake's records of its jobs.

    Args:
        run: folder `results/<run>` of a project; the records are in the project's `.snakemake`.

    Raises:
        InputError: the run has no benchmarks; Snakemake's records contradict one another.
    """
    jobs = measured_jobs(run)
    run = Path(os.path.abspath(run))  # not `resolve`: results/ may be a link to a larger disk
    project = run.parent.parent
    logs = f"{run.relative_to(project).as_posix()}/logs"
    by_log = {f"{logs}/{job.name}.log": job for job in jobs}
    recorded = recorded_jobs(Records(project / ".snakemake"))
    known = [(recorded[log], job) for log, job in by_log.items() if log in recorded]
    chain = longest_chain(
        {log: job.seconds for log, job in by_log.items()}, {log: job.before for log, job in recorded.items()}
    )
    busy = _busy_seconds(known)
    return RunTimes(
        jobs=jobs,
        chain=[by_log[log] for log in chain if log in by_log] if known else [],
        unrecorded=len(by_log) - len(known),
        busy_seconds=busy,
        mean_cores=core_seconds([job for _, job in known]) / busy if busy else 0.0,
    )


def _busy_seconds(jobs: Iterable[tuple[RecordedJob, MeasuredJob]]) -> float:
    # A job of a cluster waits after its start was noted, and a job may compute on after it wrote its last output.
    starts = ((max(recorded.start, recorded.end - job.seconds), job.seconds) for recorded, job in jobs)
    busy, until = 0.0, -inf
    for start, seconds in sorted(starts):
        busy += max(0.0, start + seconds - max(start, until))
        until = max(until, start + seconds)
    return busy


def rule_times(jobs: Sequence[MeasuredJob]) -> list[RuleTime]:
    """The time of each rule, longest first."""
    by_rule: dict[str, list[MeasuredJob]] = {}
    for job in jobs:
        by_rule.setdefault(job.rule, []).append(job)
    rows = [rule_time(rule, members) for rule, members in by_rule.items()]
    return sorted(rows, key=lambda row: (-row.seconds, row.rule))


def rule_time(rule: str, jobs: Sequence[MeasuredJob]) -> RuleTime:
    """The time of jobs together, under a name."""
    measured = [job for job in jobs if job.cpu_seconds is not None]
    processor = sum(job.cpu_seconds or 0.0 for job in measured)
    clock = sum(job.seconds for job in measured)
    return RuleTime(rule, len(jobs), sum(job.seconds for job in jobs), processor, processor / clock if clock else None)


def advice(times: RunTimes) -> str:
    """What would make the run shorter, one line; empty without a chain.

    More cores help if the run took clearly longer than its chain. They have work up to the number of cores that the
    jobs keep busy, on average, in a run that takes no longer than its chain: core seconds by seconds of the chain.
    """
    if not times.chain_seconds:
        return ""
    longest = max(times.chain, key=lambda job: job.seconds)
    shorten = f"shorten {longest.name}, {longest.seconds / times.chain_seconds:.0%} of the chain"
    if times.busy_seconds <= LONGER * times.chain_seconds:
        line = f"More cores hardly help: the run took hardly longer than its chain. To gain time, {shorten}."
    elif sum(job.seconds for job in times.jobs if job.device == "cuda") > times.chain_seconds:
        line = f"More cores hardly help, another GPU does: jobs on a GPU take longer than the chain. Then {shorten}."
    else:
        useful = ceil(core_seconds(times.jobs) / times.chain_seconds)
        line = f"More cores help, up to about {useful}; {times.mean_cores:.1f} were used on average. Then {shorten}."
    return line + _waiting(times)


def _waiting(times: RunTimes) -> str:
    load = rule_time("", [job for job in times.jobs if job.device != "cuda"]).load
    if load is None or load >= BUSY:
        return ""
    return f" Processor time is only {load:.0%} of clock time: jobs waited, or other programs took the cores."
