"""How long a run still takes: after each job of a run, and in `hemabalance status`."""

import logging
import os
import re
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from helpers.benchmarks import write_benchmark
from helpers.forked_snakemake import run_snakemake
from hemabalance.bookkeeping.locks import is_running, job_lock
from hemabalance.bookkeeping.records import Records
from hemabalance.bookkeeping.run_progress import ProgressLine, RunProgress
from hemabalance.bookkeeping.run_state import state_line, without_unfinished
from hemabalance.bookkeeping.status import rule_statuses
from hemabalance.bookkeeping.summary import Output
from hemabalance.bookkeeping.time_left import WorkLeft, about, outputs_per_job, seconds_by_rule, work_left

RUN = Path("results/mine")
MINUTE = 60.0


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measure(name: str, seconds: object, run: Path = RUN) -> None:
    write_benchmark(run, name, seconds=seconds, measured=1.0, rule=name.split("/")[0])


class Clock:
    """A clock that is set by hand, in seconds."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_times_of_the_run_itself_come_first() -> None:
    assert seconds_by_rule(RUN) == {}
    other = Path("results/other")
    measure("fit/a", 10.0, other)
    measure("draw/a", 4.0, other)
    measure("fit/a", 100.0)
    measure("fit/b", 200.0)
    measure("fit/damaged", "no number", Path("results/third"))
    Path("results/empty").mkdir()
    assert seconds_by_rule(RUN) == {"fit": 150.0, "draw": 4.0}


def test_outputs_of_a_job_are_counted_in_the_records() -> None:
    for job in ("a", "b"):
        for suffix in ("zip", "parquet", "json"):
            record = {"rule": "fit", "log": [f"results/mine/logs/fit/{job}.log"]}
            Records(Path(".snakemake")).write(f"results/mine/{job}.{suffix}", record)
    Records(Path(".snakemake")).write("results/mine/old", {"rule": "old", "log": []})
    assert outputs_per_job(Records(Path(".snakemake"))) == {"fit": 3.0}


def test_jobs_of_unmeasured_rules_are_named() -> None:
    assert work_left({"fit": 2, "draw": 1, "page": 0}, {"fit": 30.0}) == WorkLeft(60.0, ("draw",))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "under 1 min"), (29, "under 1 min"), (31, "about 1 min"), (3569, "about 59 min"), (3571, "about 1 h 0 min"),
     (12_000, "about 3 h 20 min"), (86_400, "about 1 day 0 h"), (190_000, "about 2 days 4 h")],
)  # fmt: skip
def test_an_estimate_is_no_more_exact_than_it_can_be(seconds: float, text: str) -> None:
    assert about(seconds) == text


def test_the_line_counts_jobs_and_estimates_the_rest() -> None:
    clock = Clock()
    progress = RunProgress({"fit": 4, "page": 1}, {"fit": 10 * MINUTE, "page": MINUTE}, clock)
    progress.started(0, "fit")
    progress.failed(0)
    assert progress.line() == "progress: 0 of 5 jobs done, 0 running, about 41 min left"
    progress.started(1, "fit")
    clock.seconds = 5 * MINUTE
    assert progress.line() == "progress: 0 of 5 jobs done, 1 running, about 36 min left"
    clock.seconds = 20 * MINUTE  # twice as slow as before
    progress.finished(1)
    assert progress.line() == "progress: 1 of 5 jobs done, 0 running, about 1 h 1 min left"
    for job in (2, 3):
        progress.started(job, "fit")
    clock.seconds = 40 * MINUTE
    for job in (2, 3):
        progress.finished(job)
    # Two jobs ran at once for half of the time: 60 minutes of jobs in 40.
    assert progress.line() == "progress: 3 of 5 jobs done, 0 running, about 14 min left"


def test_rules_that_were_never_measured_are_named_or_nothing_is_known() -> None:
    progress = RunProgress({"fit": 1, "a": 1, "b": 1, "c": 1, "d": 1}, {"fit": MINUTE}, Clock())
    assert progress.line().endswith("about 1 min left and jobs of unknown time: a, b, c and 1 more")
    nothing = RunProgress({"fit": 1}, {}, Clock())
    assert nothing.line().endswith("time left unknown (no earlier run has measured these jobs)")


def test_the_handler_never_fails(caplog: pytest.LogCaptureFixture) -> None:
    handler = ProgressLine(logging.getLogger("hemabalance"), RUN, ["fit"])
    for extra in ({}, {"event": "progress"}, {"event": "run_info", "stats": {"fit": 1}}, {"event": "job_info"}):
        handler.emit(logging.makeLogRecord(extra))
    handler.emit(logging.makeLogRecord({"event": "progress"}))
    assert caplog.text == ""


STATE = Path(".snakemake")


def output(name: str, *, exists: bool, rule: str = "fit") -> Output:
    return Output(f"results/mine/{name}", rule, "", (), exists, "", not exists)


def line_of(outputs: list[Output]) -> str:
    outputs = without_unfinished(outputs, STATE)
    return state_line(outputs, rule_statuses(outputs), RUN, STATE)


def test_the_state_of_a_run_in_one_line() -> None:
    outputs = [output("a.zip", exists=True), output("a.json", exists=True)]
    assert line_of(outputs) == "2 of 2 outputs are done, 0 jobs run now, 0 outputs are left"
    outputs += [output(f"{job}.{suffix}", exists=False) for job in "bc" for suffix in ("zip", "json")]
    assert line_of(outputs).endswith("4 outputs are left; no earlier run has measured their jobs")
    for suffix in ("zip", "json"):
        record = {"rule": "fit", "log": ["results/mine/logs/fit/a.log"]}
        Records(STATE).write(f"results/mine/a.{suffix}", record)
    measure("fit/a", 600.0)
    outputs.append(output("page.html", exists=False, rule="page"))
    expected = "2 of 7 outputs are done, 0 jobs run now, 5 outputs are left: about 20 min if one job runs at a time"
    assert line_of(outputs) == f"{expected}, and jobs of unknown time: page"


def test_a_job_that_runs_is_counted_and_its_files_are_not_done() -> None:
    outputs = [output("a.zip", exists=True), output("a.json", exists=True)]
    incomplete = STATE / "incomplete"
    incomplete.mkdir(parents=True)
    for entry in outputs:
        (incomplete / urlsafe_b64encode(entry.path.encode()).decode()).touch()
    with job_lock(outputs[0].path, STATE):
        assert is_running(outputs[0].path, STATE)
        assert line_of(outputs).startswith("0 of 2 outputs are done, 1 job runs now, 2 outputs are left")
    assert line_of(outputs).startswith("0 of 2 outputs are done, 0 jobs run now, 2 outputs are left")
    assert not is_running("results/mine/other", STATE)


SNAKEFILE = """
from pathlib import Path
from snakemake.logging import logger
from hemabalance.bookkeeping.run_progress import ProgressLine

rule all:
    input: expand("results/mine/{n}.txt", n=range(3))

rule fit:
    output: "results/mine/{n}.txt"
    benchmark: "results/mine/benchmarks/fit/{n}.tsv"
    shell: "touch {output}"

if workflow.is_main_process and not workflow.dryrun:
    logger.addHandler(ProgressLine(logger, Path("results/mine"), [r.name for r in workflow.rules if r.benchmark]))
"""


def test_snakemake_shows_the_line_after_each_job(project: Path) -> None:
    measure("fit/x", 120.0, Path("results/other"))
    (project / "Snakefile").write_text(SNAKEFILE)
    environment = dict(os.environ)
    done = run_snakemake(["--cores", "1", "--nocolor"], project, environment)
    assert done.returncode == 0, done.stdout
    lines = re.findall(r"^progress: .*$", done.stdout, re.MULTILINE)
    assert lines == [
        "progress: 1 of 3 jobs done, 0 running, under 1 min left",
        "progress: 2 of 3 jobs done, 0 running, under 1 min left",
        "progress: 3 of 3 jobs done",
    ]
