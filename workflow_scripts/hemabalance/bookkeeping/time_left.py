"""How long the jobs that are left will take, from the benchmarks of jobs that have run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from hemabalance.bookkeeping.records import Records
from hemabalance.cluster.benchmarks import measured_jobs
from hemabalance.errors import InputError


@dataclass(frozen=True)
class WorkLeft:
    """Run time of the jobs that are left, one after the other.

    Attributes:
        seconds: of the jobs whose rule has been measured.
        unknown: rules that have not.
    """

    seconds: float
    unknown: tuple[str, ...]


def seconds_by_rule(run: Path) -> dict[str, float]:
    """Mean run time of a job of each rule: in this run or, where it has none of a rule, in the other runs beside it.

    Args:
        run: folder `results/<run>`; it may be missing.
    """
    others = [folder for folder in sorted(run.parent.glob("*/")) if folder.name != run.name]
    return _mean_seconds(others) | _mean_seconds([run])


def _mean_seconds(runs: Iterable[Path]) -> dict[str, float]:
    measured: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        try:
            for job in measured_jobs(run):
                measured[job.rule].append(job.seconds)
        except InputError:  # no benchmarks, or older ones: the estimate does without
            continue
    return {rule: fmean(seconds) for rule, seconds in measured.items()}


def outputs_per_job(records: Records) -> dict[str, float]:
    """Mean number of outputs of a job of each rule, in all jobs that Snakemake has a record of."""
    outputs: dict[str, list[str]] = defaultdict(list)
    for output in records.outputs():
        record = records.read(output)
        if record and record.get("rule") and record.get("log"):
            outputs[record["rule"]].append(record["log"][0])
    return {rule: len(logs) / len(set(logs)) for rule, logs in outputs.items()}


def work_left(jobs: Mapping[str, float], seconds: Mapping[str, float]) -> WorkLeft:
    """The run time of jobs.

    Args:
        jobs: rule -> number of jobs that are left.
        seconds: see `seconds_by_rule`.
    """
    unknown = tuple(sorted(rule for rule, count in jobs.items() if count and rule not in seconds))
    return WorkLeft(sum(count * seconds.get(rule, 0.0) for rule, count in jobs.items()), unknown)


def about(seconds: float) -> str:
    """A duration in words, no more exact than an estimate: `under 1 min`, `about 35 min`, `about 3 h 20 min`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under 1 min"
    if minutes < 60:
        return f"about {minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"about {hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"about {days} day{'s' if days > 1 else ''} {hours} h"
