"""Outputs are fetched from DVC only if they were published with the same params and inputs."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hemabalance.bookkeeping.dvc import dvc as dvc_command
from hemabalance.bookkeeping.fetch import SWITCH, fetch
from hemabalance.bookkeeping.hashes import md5_file
from hemabalance.bookkeeping.seals import Seal, dvc_file, write_seal

STATE = Path(".snakemake")
MADE, READ, ARCHIVE = "results/b.txt", "results/a.txt", "data/raw/x.zip"
PARAMS = ["'one'", "'two'"]


def dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments, "--quiet"], check=True)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published output and a published archive, both missing here, and the input of the output."""
    folder = tmp_path_factory.mktemp("published")
    previous = Path.cwd()
    os.chdir(folder)
    dvc("init", "--no-scm")
    for path in (MADE, READ, ARCHIVE):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"content of {path}")
    dvc("add", MADE, ARCHIVE)
    write_seal(dvc_file(MADE), Seal(md5_file(MADE), {READ: md5_file(READ)}, {"params": PARAMS}))
    write_seal(dvc_file(ARCHIVE), Seal(md5_file(ARCHIVE), {}, {}))
    os.chdir(previous)
    return folder


@pytest.fixture(autouse=True)
def _missing_outputs(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepared)
    for path in (MADE, ARCHIVE):
        Path(path).unlink(missing_ok=True)
    Path(READ).write_text(f"content of {READ}")


def test_outputs_of_the_same_job_are_fetched() -> None:
    assert fetch([MADE], [READ], PARAMS, STATE)
    assert Path(MADE).read_text() == f"content of {MADE}"


def test_an_archive_is_fetched_whatever_the_inputs_and_params() -> None:
    assert fetch([ARCHIVE], ["data/sources.yaml"], ["'download'"], STATE)
    assert Path(ARCHIVE).is_file()


def test_other_settings_inputs_or_outputs_are_not_fetched() -> None:
    assert not fetch([MADE], [READ], ["'one'"], STATE)
    assert not fetch([MADE], [], PARAMS, STATE)
    assert not fetch([MADE, "results/c.txt"], [READ], PARAMS, STATE)
    Path(READ).write_text("another content")
    assert not fetch([MADE], [READ], PARAMS, STATE)
    assert not Path(MADE).exists()


def test_fetching_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    assert not fetch([MADE], [READ], PARAMS, STATE)


def test_without_a_seal_or_with_a_damaged_one_the_job_runs(caplog: pytest.LogCaptureFixture) -> None:
    text = dvc_file(MADE).read_text()
    try:
        dvc_file(MADE).write_text(text[: text.index("meta:")])
        assert not fetch([MADE], [READ], PARAMS, STATE)
        dvc_file(MADE).write_text("[")
        assert not fetch([MADE], [READ], PARAMS, STATE)
        assert "results/b.txt.dvc" in caplog.text
    finally:
        dvc_file(MADE).write_text(text)


def test_without_the_contents_in_dvc_the_job_runs(prepared: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    (prepared / ".dvc" / "cache").rename(prepared / "lost")
    try:
        assert not fetch([MADE], [READ], PARAMS, STATE)
        assert "the job runs" in caplog.text
    finally:
        (prepared / "lost").rename(prepared / ".dvc" / "cache")


def test_dvc_commands_wait_for_each_other_and_report_the_reason_of_a_failure() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: dvc_command("add", path, state=STATE), (READ, READ)))
    assert [result.ok for result in results] == [True, True]
    failed = dvc_command("add", "results/none.txt", state=STATE)
    assert (failed.ok, "none.txt" in failed.reason) == (False, True)
