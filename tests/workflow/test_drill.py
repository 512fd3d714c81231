"""The failure drill itself: it must detect wrong results; and a few of its faults on the tiny run."""

from dataclasses import replace
from pathlib import Path

import pytest

from drill.faults import all_faults
from drill.faults.damage import NOTHING
from drill.faults.fault import Fault
from drill.remedy import follow
from drill.results import differences, digests
from drill.run_fault import drill
from drill.running import ProcessResult
from drill.scene import Scene
from drill.site import Site
from drill.table import summary, table
from drill.verdict import EXPLAINED, FAILED, IDENTICAL, NOT_TRIED, Outcome, message, unclear

TRACE = "Traceback (most recent call last):\n  File x\nOSError: something"


def discard(text: str) -> None:
    """Discard a progress message."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name, content in {
        "a.parquet": "1",
        "stain/training.json": '{"seconds": 3.5, "steps": 3}',
        "report.html": "<td>59 s</td>",
        "logs/x.log": "1",
    }.items():
        path = tmp_path / "results" / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def changed(run: Path, name: str, content: str) -> list[str]:
    before = digests(run, "tiny")
    (run / "results" / "tiny" / name).write_text(content)
    return differences(before, digests(run, "tiny"))


def test_times_and_logs_are_ignored(run: Path) -> None:
    assert changed(run, "logs/x.log", "2") == []
    assert changed(run, "stain/training.json", '{"seconds": 71.25, "steps": 3}') == []
    for time in ("1 min 2 s", "59.9s", "1m02s", "19h", "11h01m", "1h00m01s"):
        assert changed(run, "report.html", f"<td>{time}</td>") == []


def test_different_missing_and_left_over_files_are_reported(run: Path) -> None:
    assert changed(run, "a.parquet", "2") == ["a.parquet differs"]
    assert changed(run, "stain/training.json", '{"seconds": 3.5, "steps": 4}') == ["stain/training.json differs"]
    assert changed(run, "b.parquet.part", "1") == ["b.parquet.part is left over"]
    before = digests(run, "tiny")
    (run / "results" / "tiny" / "report.html").unlink()
    assert differences(before, digests(run, "tiny")) == ["report.html is missing"]


def test_verdicts_are_derived_and_counted() -> None:
    outcomes = [
        Outcome("kill", "one"),
        Outcome("kill", "two", error_reported=True),
        Outcome("kill", "three", error_reported=True, wrong=["a.parquet differs"]),
        Outcome("disk", "four", skip_reason="no namespaces"),
    ]
    assert [outcome.verdict for outcome in outcomes] == [IDENTICAL, EXPLAINED, FAILED, NOT_TRIED]
    assert "a.parquet differs" in table(outcomes)
    assert "no namespaces" in table(outcomes)
    assert summary(outcomes) == (
        "3 faults: 1 ended with identical results, 1 with a clear error and then identical results, 1 failed; "
        "1 not tried."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\n12:00:01 ERROR a.zip: is bad. Delete it.\n", "a.zip: is bad. Delete it."),
        ("x\ndvc: is locked. Publish again.\n", "dvc: is locked. Publish again."),
        ("dvc add: failed: no reason given. Correct the cause, and publish again.", ""),
        (TRACE, ""),
        (f"12:00:01 ERROR Rule split failed because of an error in the program, not in your input\n{TRACE}", ""),
        ('WorkflowError in file "rules/common.smk", line 3:\na.dvc: is cut. Delete it.\n', "a.dvc: is cut. Delete it."),
        ("WorkflowError:\n", ""),
        ("LockException:\nError: Directory cannot be locked. Please", "Error: Directory cannot be locked. Please"),
    ],
)  # fmt: skip
def test_a_traceback_is_no_explanation(text: str, expected: str) -> None:
    assert message(ProcessResult(1, text)) == expected
    assert bool(unclear(ProcessResult(1, text))) == (not expected)
    assert unclear(ProcessResult(0, text)) == ""


@pytest.fixture(scope="module")
def site(finished, tmp_path_factory) -> Site:
    return Site(tmp_path_factory.mktemp("drill"), "test", project=finished)


def fault_named(text: str) -> Fault:
    (fault,) = (fault for fault in all_faults() if text in fault.name)
    return fault


def test_there_are_many_distinct_faults() -> None:
    names = [(fault.kind, fault.name) for fault in all_faults()]
    assert len(set(names)) == len(names) >= 30


def test_the_instructions_of_an_error_are_followed(site: Site) -> None:
    scene = site.scene(Fault("none", "nothing", NOTHING, lambda scene: None), seed=1, time_share=1.0)
    path = scene.results / "report.html"
    output = f"12:00:00 ERROR {path.relative_to(scene.folder)}: is odd. Delete it and run the workflow again."
    assert follow(ProcessResult(1, output), scene) == ["deleted results/tiny/report.html"]
    assert not path.exists()
    assert follow(ProcessResult(1, TRACE), scene) == []


def test_after_a_kill_of_everything_the_results_are_the_same(site: Site) -> None:
    fault = fault_named("SIGKILL to everything, the manifest being made")
    outcome = drill(site, fault, seed=1, report=discard)
    assert (outcome.verdict, outcome.wrong) == (EXPLAINED, [])
    assert "cannot be locked" in outcome.output_line
    assert outcome.jobs_again >= 3


def test_an_undetected_loss_is_a_failure(site: Site) -> None:
    def damage_and_hide(scene: Scene) -> None:
        path = scene.results / "report.html"
        path.write_bytes(path.read_bytes()[:-100])
        for record in (scene.folder / ".snakemake" / "hemabalance" / "ledger").iterdir():
            record.unlink()

    outcome = drill(site, Fault("none", "unnoticed", replace(NOTHING), damage_and_hide), seed=1, report=discard)
    assert (outcome.verdict, outcome.wrong) == (FAILED, ["report.html differs"])
