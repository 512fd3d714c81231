"""Which job made the inputs of which, from Snakemake's records, and the longest chain of jobs.

A job is known by its log file, which is the same in the records of all its outputs.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from hemabalance.bookkeeping.records import Records
from hemabalance.errors import InputError


@dataclass(frozen=True)
class RecordedJob:
    """A job that has written its outputs.

    Attributes:
        before: log files of the jobs that made its inputs.
        start: when Snakemake started or submitted it, seconds since 1970.
        end: when it wrote its last output, seconds since 1970.
    """

    before: Set[str]
    start: float
    end: float


def recorded_jobs(records: Records) -> dict[str, RecordedJob]:
    """Log file -> job, of all jobs in Snakemake's records, also those of other runs in the same working folder."""
    found = {output: record for output in records.outputs() if (record := records.read(output)) and _is_whole(record)}
    made_by = {output: record["log"][0] for output, record in found.items()}
    by_job: dict[str, list[Mapping[str, Any]]] = {}
    for output, record in found.items():
        by_job.setdefault(made_by[output], []).append(record)
    return {log: _job(log, members, made_by) for log, members in by_job.items()}


def _is_whole(record: Mapping[str, Any]) -> bool:
    return bool(record.get("log")) and all(record.get(key) is not None for key in ("input", "starttime", "endtime"))


def _job(log: str, records: Sequence[Mapping[str, Any]], made_by: Mapping[str, str]) -> RecordedJob:
    inputs = {name for record in records for name in record["input"]}
    return RecordedJob(
        before={made_by[name] for name in inputs if name in made_by} - {log},
        start=min(record["starttime"] for record in records),
        end=max(record["endtime"] for record in records),
    )


def longest_chain(seconds: Mapping[str, float], before: Mapping[str, Set[str]]) -> list[str]:
    """The chain of jobs, each of which needs the one before, with the largest sum of run times: the critical path.

    Args:
        seconds: job -> run time; jobs without one take no time.
        before: job -> jobs that it needs, directly.

    Returns:
        The jobs in the order in which they run, those without a run time too; the first in the alphabet of chains of
        equal length.

    Raises:
        InputError: jobs need one another in a circle.
    """
    try:
        order = list(TopologicalSorter({**dict.fromkeys(seconds, ()), **before}).static_order())
    except CycleError as error:
        problem = f"says that jobs need one another in a circle: {' <- '.join(error.args[1])}"
        raise InputError("Snakemake's record", problem, "Run snakemake again, which renews the record") from error
    total: dict[str, float] = {}
    for job in order:
        total[job] = seconds.get(job, 0.0) + max((total[name] for name in before.get(job, ())), default=0.0)
    chain: list[str] = []
    ends = sorted(total)
    while ends:
        chain.append(max(ends, key=lambda name: total[name]))
        ends = sorted(before.get(chain[-1], ()))
    return chain[::-1]
