"""Where the time of a run went: by rule, and along the longest chain of jobs."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.benchmarks import CPU, write_benchmark
from hemabalance.bookkeeping.job_graph import longest_chain
from hemabalance.bookkeeping.records import Records
from hemabalance.bookkeeping.run_times import RuleTime, advice, rule_times, run_times
from hemabalance.cli import main
from hemabalance.commands.times_table import SHOWN
from hemabalance.errors import InputError

RUN = Path("results/demo")
CUDA = "{'gpu': 1, 'device': 'cuda'}"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measure(name: str, seconds: float, processor: object, threads: int = 1, resources: str = CPU) -> None:
    rule = name.split("/")[0]
    write_benchmark(RUN, name, seconds=seconds, measured=processor, rule=rule, threads=threads, resources=resources)


def record(name: str, inputs: Sequence[str], start: float, end: float, run: Path = RUN) -> None:
    """Write the records of a job's two outputs, results/<run>/<name>.{a,b}; an input is the job that made it."""
    content = {
        "input": [f"{run}/{job}.b" for job in inputs] + ["data/raw/archive.zip"],
        "log": [f"{run}/logs/{name}.log"],
        "starttime": start,
    }
    for suffix in "ab":
        Records(Path(".snakemake")).write(f"{run}/{name}.{suffix}", content | {"endtime": end})


def job(name: str, inputs: Sequence[str], start: float, seconds: float, processor: object = None) -> None:
    measure(name, seconds, seconds if processor is None else processor)
    record(name, inputs, start, start + seconds)


def two_branches() -> None:
    """Two trainings on one core, one after the other; the longer chain goes through the second."""
    job("split/s", [], 0.0, 10.0)
    job("fit/short", ["split/s"], 10.0, 100.0)
    job("fit/long", ["split/s"], 110.0, 80.0)
    job("draw/long", ["fit/long"], 190.0, 50.0)
    job("report/page", ["fit/short", "draw/long"], 240.0, 5.0)


def test_the_chain_has_the_largest_sum_not_the_longest_job() -> None:
    two_branches()
    times = run_times(RUN)
    assert [job.name for job in times.chain] == ["split/s", "fit/long", "draw/long", "report/page"]
    assert (times.seconds, times.chain_seconds, times.busy_seconds) == (245.0, 145.0, 245.0)
    assert (times.mean_cores, times.unrecorded) == (1.0, 0)


def test_more_cores_help_a_run_that_took_longer_than_its_chain() -> None:
    two_branches()
    assert advice(run_times(RUN)) == (
        "More cores help, up to about 2; 1.0 were used on average. Then shorten fit/long, 55% of the chain."
    )


def test_more_cores_hardly_help_where_each_job_needs_the_one_before() -> None:
    job("fit/one", [], 0.0, 60.0)
    job("draw/one", ["fit/one"], 60.0, 30.0)
    line = advice(run_times(RUN))
    assert line.startswith("More cores hardly help: the run took hardly longer than its chain.")
    assert line.endswith("shorten fit/one, 67% of the chain.")


def test_jobs_on_a_gpu_one_after_the_other_need_another_gpu() -> None:
    for name, start in (("fit/one", 0.0), ("fit/two", 60.0)):
        measure(name, 60.0, 1.0, resources=CUDA)
        record(name, [], start, start + 60.0)
    assert advice(run_times(RUN)).startswith("More cores hardly help, another GPU does")
    assert "waited" not in advice(run_times(RUN))


def test_a_busy_machine_is_named() -> None:
    job("fit/one", [], 0.0, 60.0, processor=15.0)
    assert "Processor time is only 25% of clock time" in advice(run_times(RUN))


def test_cores_are_averaged_over_the_time_with_jobs() -> None:
    """A job waited ten seconds in the queue of a cluster; hours later, the run went on."""
    measure("fit/one", 40.0, 80.0, threads=3)
    record("fit/one", [], 0.0, 50.0)
    job("fit/two", [], 30.0, 20.0)
    job("fit/late", [], 9000.0, 10.0)
    times = run_times(RUN)
    assert times.busy_seconds == 50.0
    assert times.mean_cores == pytest.approx((3 * 40 + 20 + 10) / 50)


def test_rules_are_sorted_by_time_and_short_jobs_do_not_count_as_waiting() -> None:
    measure("split/a", 1.0, "NA")
    measure("fit/a", 40.0, 30.0)
    measure("fit/b", 40.0, 10.0)
    measure("fit/c", 2.0, "NA")
    assert rule_times(run_times(RUN).jobs) == [
        RuleTime("fit", 3, 82.0, 40.0, 0.5),
        RuleTime("split", 1, 1.0, 0.0, None),
    ]


def test_a_chain_passes_through_jobs_that_run_again() -> None:
    """Snakemake removes the benchmark of a job when the job starts again; the record stays."""
    two_branches()
    (RUN / "benchmarks" / "fit" / "long.tsv").unlink()
    job("fit/other", [], 0.0, 1.0)
    (RUN / "benchmarks" / "fit" / "short.tsv").unlink()
    assert [job.name for job in run_times(RUN).chain] == ["split/s", "draw/long", "report/page"]


def test_jobs_of_other_runs_take_no_time() -> None:
    record("fit/elsewhere", [], 0.0, 500.0, run=Path("results/other"))
    job("draw/one", [], 0.0, 5.0)
    content = Records(Path(".snakemake")).read(f"{RUN}/draw/one.a") or {}
    content["input"] = ["results/other/fit/elsewhere.a"]
    Records(Path(".snakemake")).write(f"{RUN}/draw/one.a", content)
    times = run_times(RUN)
    assert [job.name for job in times.chain] == ["draw/one"]
    assert times.busy_seconds == 5.0


def test_long_names_of_outputs_are_read_and_foreign_files_left_out() -> None:
    records, path = Records(Path(".snakemake")), f"results/demo/{'long/' * 70}weights.safetensors"
    records.write(path, {"log": []})
    records.write("a", {"log": []})
    Path(".snakemake/metadata/é").write_text("")
    Path(".snakemake/metadata/x").write_text("")
    assert records.outputs() == ["a", path]


def test_the_run_may_be_named_from_another_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_branches()
    monkeypatch.chdir(project / "results")
    assert len(run_times(Path("demo")).chain) == 4


def test_jobs_that_need_one_another_are_an_error() -> None:
    with pytest.raises(InputError, match=r"in a circle: .*Run snakemake again"):
        longest_chain({"a": 1.0, "b": 1.0}, {"a": {"b"}, "b": {"a"}})


def test_the_command_prints_tables_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    two_branches()
    measure("fit/unknown", 3600.0, "NA")
    assert main(["status", "--times", str(RUN)]) == 0
    said = capsys.readouterr().out
    assert "clock time: 1.07 hours, summed over jobs\n" in said
    assert "\nSnakemake has no record of 1 of the jobs: the chain may be longer.\n" in said
    lines = [line.split() for line in said.splitlines()]
    assert ["fit", "3", "1h03m00s", "98%", "3m00s", "1.00"] in lines
    assert ["all", "6", "1h04m05s", "100%", "4m05s", "1.00"] in lines
    assert ["fit/unknown", "1", "1h00m00s", "100%"] in lines


def test_a_long_chain_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    for k in range(SHOWN + 2):
        job(f"fit/{k:02}", [f"fit/{k - 1:02}"] if k else [], 100.0 * k, 10.0 + k)
    assert main(["status", "--times", str(RUN)]) == 0
    said = capsys.readouterr().out
    shown = [line.split()[:2] for line in said.splitlines() if line.startswith("fit/")]
    assert shown == [[f"fit/{k:02}", f"{k + 1}"] for k in range(SHOWN + 1, 1, -1)]
    assert "shorter jobs left out: 2, 21.0s together" in said


def test_without_records_the_rules_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    measure("fit/one", 30.0, 20.0)
    assert main(["status", "--times", str(RUN)]) == 0
    said = capsys.readouterr().out
    assert "The longest chain of jobs is unknown" in said
    assert "More cores" not in said


def test_the_config_names_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    job("fit/one", [], 0.0, 30.0)
    Path("config.yaml").write_text("seed: 1\n")
    Path("more.yaml").write_text("run: demo\n")
    for arguments in (["--configfile", "more.yaml"], ["--config", "run=demo"]):
        assert main(["status", *arguments, "--times"]) == 0
        assert "jobs that finished: 1" in capsys.readouterr().out
    assert main(["status", "--times"]) == 1
    assert capsys.readouterr().err.startswith("results/full: has no files in benchmarks/. Choose the folder of a run")


def test_targets_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(RUN), "--times"]) == 1
    assert "Name only the folder of a run after --times" in capsys.readouterr().err
