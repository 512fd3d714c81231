"""One line on the progress of a whole run after each job: jobs done and running, and about how long is left."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from hemabalance.bookkeeping.time_left import about, seconds_by_rule, work_left

_NAMED = 3  # rules of unknown time at most in the line


class RunProgress:
    """Counts the jobs of a run, from what Snakemake logs of them.

    Args:
        jobs: rule -> number of jobs of the run.
        seconds: rule -> mean run time of a job in earlier runs; jobs of this run replace it.
        now: the clock, in seconds.
    """

    def __init__(self, jobs: Mapping[str, int], seconds: Mapping[str, float], now: Callable[[], float]) -> None:
        self._jobs, self._seconds, self._now = dict(jobs), seconds, now
        self._start = now()
        self._running: dict[Any, tuple[str, float]] = {}
        self._finished: Counter[str] = Counter()
        self._measured: dict[str, list[float]] = defaultdict(list)

    def started(self, job: Any, rule: str) -> None:
        """A job starts."""
        self._running[job] = rule, self._now()

    def finished(self, job: Any) -> None:
        """A job has ended well."""
        if job in self._running:
            rule, start = self._running.pop(job)
            self._finished[rule] += 1
            self._measured[rule].append(self._now() - start)

    def failed(self, job: Any) -> None:
        """A job has failed; it may start again."""
        self._running.pop(job, None)

    def line(self) -> str:
        """The line; jobs of rules without an estimate are named."""
        total, done, running = sum(self._jobs.values()), sum(self._finished.values()), len(self._running)
        text = f"progress: {done} of {total} jobs done"
        return f"{text}, {running} running, {self._time_left()}" if done < total else text

    def _time_left(self) -> str:
        seconds = {**self._seconds, **{rule: fmean(values) for rule, values in self._measured.items()}}
        left = {rule: max(0, count - self._finished[rule]) for rule, count in self._jobs.items()}
        work = work_left(left, seconds)
        if work.unknown and not work.seconds:
            return "time left unknown (no earlier run has measured these jobs)"
        # A running job has done a part of its work, at most all of it.
        now = self._now()
        begun = sum(min(now - start, seconds.get(rule, 0.0)) for rule, start in self._running.values())
        text = f"{about(max(0.0, work.seconds - begun) / self._at_once(now))} left"
        if not work.unknown:
            return text
        more = len(work.unknown) - _NAMED
        named = ", ".join(work.unknown[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"{text} and jobs of unknown time: {named}"

    def _at_once(self, now: float) -> float:
        """Jobs that have run at once, on average; 1 or more."""
        ended = sum(sum(values) for values in self._measured.values())
        under_way = sum(now - start for _, start in self._running.values())
        return max(1.0, (ended + under_way) / max(now - self._start, 1e-9))


class ProgressLine(logging.Handler):
    """A handler of Snakemake's logger that adds the line to the log after each job.

    Args:
        logger: Snakemake's.
        run: folder `results/<run>`.
        measured: names of the rules that have benchmarks; jobs of the others, which only collect files, are left out.
    """

    def __init__(self, logger: logging.Logger, run: Path, measured: Collection[str]) -> None:
        super().__init__()
        self._logger, self._run, self._measured = logger, run, frozenset(measured)
        self._progress: RunProgress | None = None
        self._last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Read one event of Snakemake; an error here leaves the run alone and ends the lines."""
        try:
            self._read(str(getattr(record, "event", "")), record)
        except Exception as error:  # the estimate is a convenience, and never a reason for a run to fail
            self._progress = None
            self._logger.debug("no line of progress: %s", error)

    def _read(self, event: str, record: Any) -> None:
        if event == "run_info" and self._progress is None:
            jobs = {rule: count for rule, count in record.stats.items() if rule in self._measured}
            self._progress = RunProgress(jobs, seconds_by_rule(self._run), time.monotonic)
        elif self._progress is None:
            return
        elif event == "job_info" and record.rule_name in self._measured:
            self._progress.started(record.jobid, record.rule_name)
        elif event == "job_finished":
            self._progress.finished(record.job_id)
        elif event == "job_error":
            self._progress.failed(record.jobid)
        elif event == "progress" and (line := self._progress.line()) != self._last:
            self._last = line  # a rule that only collects files ends too, and changes nothing
            self._logger.info(line)
