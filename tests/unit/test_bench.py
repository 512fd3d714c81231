"""Parts of `make bench` that depend on how processes start and on what the config holds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import bench_versioning
from bench.bench_search import bench_search


def test_the_search_runs_in_another_process_and_finds_what_was_planted(capsys: pytest.CaptureFixture[str]) -> None:
    bench_search((3000,), 1, 1)
    assert "3,000 random 64-bit hashes" in (out := capsys.readouterr().out)
    assert "1000 of 1,000 planted pairs found" in out


def test_a_finished_project_is_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_versioning, "IMAGES", 3)
    project = tmp_path / "project"
    assert bench_versioning.write_finished_project(project, [b"png"]) > 100
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"]
    environment = {**os.environ, "PYTHONPATH": str(project / "workflow_scripts")}
    planned = subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True, text=True)
    assert "Nothing to be done" in planned.stdout + planned.stderr
