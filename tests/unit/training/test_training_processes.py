"""Trainings on several processes."""

import json
from pathlib import Path

import pytest

from helpers.small_trainings import lines, result, run_program


def test_two_processes(tmp_path: Path) -> None:
    run_program("two_processes.py", str(tmp_path))
    ranks = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    assert [(rank["rank"], rank["world_size"]) for rank in ranks] == [(0, 2), (1, 2)]
    assert ranks[0]["drew"] != ranks[1]["drew"]
    assert ranks[0]["weights"] == ranks[1]["weights"]
    assert ranks[0]["pose"] != ranks[1]["pose"]
    for rank in ranks:
        assert rank["cut"] == ["power cut", "done"]
        assert rank["asked"] == ["143", "done"]
        assert "step 8: the loss line is nan, the gradient of line is nan. Lower" in rank["spoilt"]
    assert "checkpoint.safetensors.part" in ranks[0]["wrote"]
    assert ranks[1]["wrote"] == []
    for name in ("cut", "asked"):
        assert result(tmp_path / name) == result(tmp_path / "alone")
    assert [line["step"] for line in lines(tmp_path / "alone")] == [7, 14]


def test_a_job_of_slurm_starts_its_own_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm has one task on a node; Fabric must not expect the second process among Slurm's tasks."""
    job = {"JOB_ID": "7", "JOB_NAME": "job", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "GPUS": "2"}
    for name, value in {**job, "NODELIST": "node.invalid", "STEP_NODELIST": "node.invalid"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    run_program("slurm_task.py", str(tmp_path / "met.json"))
    assert json.loads((tmp_path / "met.json").read_text()) == {"world_size": 2, "met": [0, 1]}
