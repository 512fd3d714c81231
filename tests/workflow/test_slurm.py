"""The workflow through a real Slurm of one node; these tests are skipped with a reason if none can be started."""

import os
import re
from types import SimpleNamespace

import pytest
import yaml

from helpers.one_node_slurm import NotHereError, forbidden, install, slurm_output, start, stop

PROFILE = "profiles/slurm"
# The node has no accounting, and its jobs take seconds.
HERE = (
    "--profile", PROFILE, "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1",
    "--latency-wait", "10",
)  # fmt: skip
OVERLAYS = ("profiles/overlays/demo.yaml", "tiny.yaml", "gpus.yaml")
JUDGE = "results/tiny/leak_free/source_classifier/tcia/none/weights.safetensors"
SPLIT = "results/tiny/leak_free/split.parquet"
SCALE = "results/tiny/tables/scale.csv"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A Slurm of one node, stopped after the tests of this file."""
    requested = bool(os.environ.get("HEMABALANCE_SLURM_TEST"))
    if os.environ.get("CI") != "true" and not requested:
        pytest.skip("Slurm is installed and started only in CI (CI=true) or by `make slurm-test`")
    stop_with = pytest.fail if requested else pytest.skip  # an explicit request must not end in a skip
    if reason := forbidden():
        stop_with(reason)
    folder = tmp_path_factory.mktemp("slurm")
    try:
        install()
        start(folder)
    except NotHereError as error:
        stop_with(str(error))
    yield
    stop(folder)


@pytest.fixture(scope="module")
def ran(node, request, tmp_path_factory):
    """A finished project in which three jobs ran again through Slurm, and Slurm's records of the jobs.

    One job requests two GPUs, which this node only declares: its device is set to the CPU. The first attempt of
    another job gets a fraction of the memory that it needs.
    """
    finished = request.getfixturevalue("finished")  # not run without a node
    project = finished.copy(tmp_path_factory.mktemp("ran") / "copy")
    (project.folder / "gpus.yaml").write_text("device: cuda\ndevices: 2\n")
    path = project.folder / PROFILE / "config.yaml"
    profile = yaml.safe_load(path.read_text())
    profile["set-resources"]["source_classifier"]["device"] = "cpu"
    memory = profile["set-resources"]["dataset_report"]["mem_mb"]
    profile["set-resources"]["dataset_report"]["mem_mb"] = f"({memory}) // 10"
    path.write_text(yaml.safe_dump(profile))
    forced = ("--forcerun", "source_classifier", "split", "dataset_report", "--rerun-triggers", "mtime")
    done = project.snakemake(JUDGE, SPLIT, SCALE, *HERE, *forced, overlays=OVERLAYS)
    assert done.returncode == 0, done.stdout
    return project, records()


def records() -> dict[str, list[dict[str, str]]]:
    """Return Slurm's records of its jobs: rule -> records in the order of submission."""
    jobs: dict[str, list[dict[str, str]]] = {}
    for line in slurm_output("scontrol", "--oneliner", "show", "job").splitlines():
        fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
        rule = re.match(r"rule_(.*?)(_wildcards_.*)?$", fields["Comment"])
        jobs.setdefault(rule[1], []).append(fields)
    return jobs


def gpus(plan: str, rule: str) -> set[str]:
    """Return the amounts of the resource `gpu` that the jobs of a rule request."""
    jobs = re.findall(rf"^rule {rule}:\n((?:    .*\n)+)", plan, re.MULTILINE)
    return {re.search(r"\bgpu=(\d+)", job)[1] for job in jobs}


def test_a_training_takes_all_its_gpus_on_a_cluster_and_one_job_at_a_time_has_the_machines(project):
    (project.folder / "gpus.yaml").write_text("device: cuda\ndevices: 2\n")
    plan = project.plan("--profile", PROFILE, overlays=OVERLAYS)
    assert gpus(plan, "classify_fit") == gpus(plan, "synthesis_fit") == {"2"}
    assert gpus(plan, "classify_evaluate") == gpus(plan, "stain_real") == {"1"}
    assert gpus(plan, "stain_fit") == {"0", "2"}  # classical methods need none
    for limit, expected in (((), "1"), (("--resources", "gpu=2"), "2")):
        assert gpus(project.plan(*limit, overlays=OVERLAYS), "classify_fit") == {expected}


def megabytes(job: dict[str, str]) -> int:
    """Return the memory that a job requested, in MiB."""
    number, unit = re.match(r"(\d+)([MG])", job["MinMemoryNode"]).groups()
    return int(number) * {"M": 1, "G": 1024}[unit]


def test_jobs_go_through_slurm_and_leave_what_they_would_have_left_here(ran):
    project, jobs = ran
    assert set(jobs) == {"source_classifier", "split", "dataset_report"}
    assert {rule: records[-1]["JobState"] for rule, records in jobs.items()} == dict.fromkeys(jobs, "COMPLETED")
    for path in (SPLIT, SCALE):
        assert (project.folder / path).stat().st_size > 0
    assert project.would_run(SPLIT, SCALE, JUDGE) == set()


def test_memory_and_time_of_a_job_are_those_of_the_profile(ran):
    project, jobs = ran
    job, _ = jobs["split"]  # of both protocols
    rule = yaml.safe_load((project.folder / PROFILE / "config.yaml").read_text())["set-resources"]["split"]
    manifests = (project.folder / "results/tiny/manifest").glob("*.parquet")
    size = sum(path.stat().st_size for path in manifests) / 2**20
    resources = {name: eval(rule[name], {"attempt": 1, "input": SimpleNamespace(size_mb=size)}) for name in rule}
    assert megabytes(job) == round(resources["mem_mb"])
    hours, minutes = divmod(round(resources["runtime"]), 60)
    assert job["TimeLimit"] == f"{hours:02}:{minutes:02}:00"
    assert "TresPerJob" not in job


def test_a_training_asks_slurm_for_its_gpus_and_spreads_over_them(ran):
    project, jobs = ran
    (job,) = jobs["source_classifier"]
    assert (job["TresPerJob"], job["CpusPerTres"]) == ("gres:gpu:2", "gres:gpu:1")
    log = (project.folder / "results/tiny/logs/source_classifier/leak_free/tcia.log").read_text()
    assert "Starting with 2 processes" in log, log


def test_a_job_that_slurm_kills_for_memory_is_tried_again_with_twice_as_much(ran):
    _, jobs = ran
    first, *_, last = tries = jobs["dataset_report"]
    assert len(tries) > 1
    assert first["JobState"] != "COMPLETED"
    assert last["JobState"] == "COMPLETED"
    memory = [megabytes(job) for job in tries]
    assert memory == pytest.approx([memory[0] * 2**attempt for attempt in range(len(tries))], abs=8)
