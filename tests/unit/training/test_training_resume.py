"""A training that is interrupted in any way and resumed ends with the results of an uninterrupted one."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from helpers.full_disk import largest_file
from helpers.small_trainings import (
    LinearTraining,
    PowerCut,
    TinyGan,
    cpu,
    cut_at,
    fit,
    lines,
    result,
    run_program,
    run_training,
    terminate_at,
)
from hemabalance.errors import InputError
from hemabalance.training.checkpoint import KIND
from hemabalance.training.loop import Schedule
from hemabalance.training.tensorfile import read_tensors, write_tensors


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    fit(folder, cpu())
    return folder


def test_killed_ten_times(tmp_path: Path) -> None:
    ended = json.loads(run_program("killed_trainings.py", str(tmp_path), "2022"))
    assert ended == {"killed": [-signal.SIGKILL] * 10 + [0], "asked": [143, 0], "alone": [0]}
    assert result(tmp_path / "killed") == result(tmp_path / "alone")
    assert result(tmp_path / "asked") == result(tmp_path / "alone")
    assert lines(tmp_path / "alone")[-1]["step"] == 110


@pytest.mark.parametrize("step", [1, 6, 7, 8, 13, 14, 15, 40])
def test_cut_off_within_a_step(tmp_path: Path, alone: Path, step: int) -> None:
    with pytest.raises(PowerCut):
        fit(tmp_path, cpu(), before_step=cut_at(step))
    assert not (tmp_path / "history.jsonl").exists()
    fit(tmp_path, cpu())
    assert result(tmp_path) == result(alone)


def test_resume_under_bfloat16(tmp_path: Path, alone: Path) -> None:
    fit(tmp_path / "uninterrupted", cpu("bf16"))
    with pytest.raises(PowerCut):
        fit(tmp_path / "cut", cpu("bf16"), before_step=cut_at(21))
    fit(tmp_path / "cut", cpu("bf16"))
    assert result(tmp_path / "cut") == result(tmp_path / "uninterrupted")
    assert result(tmp_path / "uninterrupted") != result(alone)


@pytest.fixture
def callers_handler() -> Iterator[Callable[[int, FrameType | None], None]]:
    """The SIGTERM handler of the caller."""

    def handler(number: int, frame: FrameType | None) -> None:
        pytest.fail("SIGTERM reached the caller")

    before = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, before)


def test_sigterm_saves_the_current_step(
    tmp_path: Path, alone: Path, caplog: pytest.LogCaptureFixture, callers_handler: object
) -> None:
    with caplog.at_level("INFO"), pytest.raises(SystemExit) as stopped:
        fit(tmp_path, cpu(), before_step=terminate_at(10))
    assert stopped.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is callers_handler
    assert "training tiny: stopped by a signal, saved at step 10" in caplog.text
    steps: list[int] = []
    with caplog.at_level("INFO"):
        fit(tmp_path, cpu(), before_step=steps.append)
    assert steps == list(range(11, 41))
    assert "training tiny: resumes after step 10 of 40" in caplog.text
    assert result(tmp_path) == result(alone)


def test_sigterm_at_the_last_step(tmp_path: Path, alone: Path) -> None:
    with pytest.raises(SystemExit):
        fit(tmp_path, cpu(), before_step=terminate_at(40))
    fit(tmp_path, cpu(), before_step=cut_at(40))
    assert result(tmp_path) == result(alone)


def test_a_finished_training_takes_no_further_step(tmp_path: Path, alone: Path) -> None:
    first = fit(tmp_path, cpu())
    assert (first.steps, first.seconds > 0) == (40, True)
    for name in ("weights.safetensors", "history.jsonl"):
        (tmp_path / name).unlink()
    runtime = cpu()
    trainable = TinyGan(runtime, before_step=lambda step: pytest.fail("took a step"))
    assert fit(tmp_path, runtime, trainable=trainable) == first
    assert result(tmp_path) == result(alone)


def test_time_is_summed_over_sessions(tmp_path: Path) -> None:
    """The position in a real checkpoint, with a thousand seconds added."""
    with pytest.raises(PowerCut):
        fit(tmp_path, cpu(), before_step=cut_at(20))
    path = tmp_path / "state" / "checkpoint.safetensors"
    header, tensors = read_tensors(path, KIND, "")
    header["position"][1] += 1000.0
    write_tensors(path, tensors, header.pop("kind"), header)
    assert 1000 < fit(tmp_path, cpu()).seconds < 2000


def test_disk_full_keeps_the_checkpoint_before(tmp_path: Path, alone: Path) -> None:
    with pytest.raises(PowerCut):
        fit(tmp_path, cpu(), before_step=cut_at(10))
    path = tmp_path / "state" / "checkpoint.safetensors"
    before = path.read_bytes()
    with largest_file(len(before) - 1000), pytest.raises(InputError, match=r"(?s)checkpoint.safetensors.*run the same"):
        fit(tmp_path, cpu())
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["checkpoint.safetensors", "history.jsonl"]
    fit(tmp_path, cpu())
    assert result(tmp_path) == result(alone)


def test_disk_full_for_the_history(tmp_path: Path) -> None:
    schedule = Schedule(steps=5, checkpoint_every=5, log_every=1)
    runtime = cpu()
    with largest_file(60), pytest.raises(InputError, match=r"history.jsonl: cannot be written .* Free disk space"):
        run_training(tmp_path, LinearTraining(runtime, lambda step, output: output), runtime, schedule)
    assert 0 < (tmp_path / "state" / "history.jsonl").stat().st_size <= 60
    run_training(tmp_path, LinearTraining(runtime, lambda step, output: output), runtime, schedule)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3, 4, 5]


def test_lost_history_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        fit(tmp_path, cpu(), before_step=cut_at(20))
    (tmp_path / "state" / "history.jsonl").write_text("")
    with pytest.raises(InputError, match=r"has 0 bytes, fewer than the .* Delete the folder"):
        fit(tmp_path, cpu())
