"""The state of a run in one line: outputs that are done, jobs that run now, outputs and time that are left."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hemabalance.bookkeeping.locks import is_running
from hemabalance.bookkeeping.records import Records
from hemabalance.bookkeeping.status import HERE, IN_DVC, RuleStatus
from hemabalance.bookkeeping.summary import Output
from hemabalance.bookkeeping.time_left import about, outputs_per_job, seconds_by_rule, work_left


def without_unfinished(outputs: Sequence[Output], state: Path) -> list[Output]:
    """The outputs, those that a job has begun to write as missing: Snakemake's summary calls them up to date."""
    records = Records(state)
    return [output if records.complete(output.path) else replace(output, exists=False) for output in outputs]


def state_line(outputs: Sequence[Output], table: Sequence[RuleStatus], run: Path, state: Path) -> str:
    """The line.

    Jobs that run now are those whose lock a process holds. The time is that of the jobs that are left, one after the
    other, from the benchmarks of this run and of the others beside it; the number of these jobs is that of their
    outputs, by the outputs of a recorded job of the rule.

    Args:
        outputs: all outputs (`summary.summary`).
        table: their states (`status.rule_statuses`).
        run: folder `results/<run>`.
        state: Snakemake's folder `.snakemake`.
    """
    records = Records(state)
    running = sum(is_running(output.path, state) for output in outputs if not records.complete(output.path))
    left = {row.rule: sum(row.counts.values()) - row.counts.get(HERE, 0) - row.counts.get(IN_DVC, 0) for row in table}
    total, missing = sum(sum(row.counts.values()) for row in table), sum(left.values())
    jobs = "1 job runs" if running == 1 else f"{running} jobs run"
    text = f"{total - missing} of {total} outputs are done, {jobs} now, {missing} outputs are left"
    if not missing:
        return text
    each = outputs_per_job(records)
    work = work_left({rule: count / each.get(rule, 1.0) for rule, count in left.items()}, seconds_by_rule(run))
    if not work.seconds:
        return f"{text}; no earlier run has measured their jobs"
    text += f": {about(work.seconds)} if one job runs at a time"
    return f"{text}, and jobs of unknown time: {', '.join(work.unknown)}" if work.unknown else text
