"""The tables of `hemabalance status --times`."""

from collections.abc import Iterator, Sequence

from hemabalance.bookkeeping.run_times import RuleTime, RunTimes, advice, rule_time, rule_times
from hemabalance.report.cells import duration

SHOWN = 15
"""Most jobs of the chain that are shown."""


def times_lines(times: RunTimes) -> Iterator[str]:
    """The lines: totals, the time of each rule, the longest chain of jobs, and one line of advice."""
    total = rule_time("all", times.jobs)
    yield f"jobs that finished: {total.jobs}"
    yield f"clock time: {total.seconds / 3600:.2f} hours, summed over jobs"
    yield f"processor time: {total.processor_seconds / 3600:.2f} hours"
    if times.chain:
        yield f"time with jobs: {duration(times.busy_seconds)}, {times.mean_cores:.1f} cores at once on average"
        yield f"least time with unlimited cores: {duration(times.chain_seconds)}, that of the longest chain below"
    yield ""
    headings = ("rule", "jobs", "clock", "share", "processor", "processor/clock")
    yield from _table(headings, [_rule_row(row, total.seconds) for row in (*rule_times(times.jobs), total)])
    yield "processor/clock: low if jobs waited or the machine was busy; up to the number of cores of a job"
    yield ""
    yield from _chain(times)


def _rule_row(row: RuleTime, seconds: float) -> Sequence[str]:
    load = "–" if row.load is None else f"{row.load:.2f}"
    return (
        row.rule,
        f"{row.jobs}",
        duration(row.seconds),
        _share(row.seconds, seconds),
        duration(row.processor_seconds),
        load,
    )


def _chain(times: RunTimes) -> Iterator[str]:
    if not times.chain:
        yield "The longest chain of jobs is unknown: the project's folder has no .snakemake with records of these jobs."
        return
    yield "The longest chain of jobs that need one another, longest first; place: when in the chain the job runs."
    ordered = sorted(enumerate(times.chain, start=1), key=lambda item: -item[1].seconds)
    rows = [
        (job.name, f"{place}", duration(job.seconds), _share(job.seconds, times.chain_seconds))
        for place, job in ordered[:SHOWN]
    ]
    yield from _table(("job", "place", "clock", "share"), rows)
    if left := ordered[SHOWN:]:
        yield f"shorter jobs left out: {len(left)}, {duration(sum(job.seconds for _, job in left))} together"
    if times.unrecorded:
        yield f"Snakemake has no record of {times.unrecorded} of the jobs: the chain may be longer."
    yield ""
    yield advice(times)


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table whose first column is text, and the others are numbers."""
    widths = [max(len(row[k]) for row in (headings, *rows)) for k in range(len(headings))]
    for first, *others in (headings, *rows):
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        yield f"{first:{widths[0]}}  {'  '.join(cells)}"
