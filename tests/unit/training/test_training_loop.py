"""The history and the progress of the training loop, and trainings that diverge."""

import io
import math
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.small_trainings import (
    DESCRIPTION,
    SCHEDULE,
    LinearTraining,
    TinyGan,
    cpu,
    fit,
    lines,
    run_training,
    terminate_at,
)
from hemabalance import progress
from hemabalance.training.checkpoint import load_checkpoint
from hemabalance.training.loop import Schedule
from hemabalance.training.monitor import Monitor, TrainingDiverged


def by_number(step: int, output: Tensor) -> Tensor:
    """The loss of step k is k."""
    return output * 0 + float(step)


@pytest.mark.parametrize(
    ("steps", "log_every", "expected"),
    [
        (7, 3, [(3, 2.0), (6, 5.0), (7, 7.0)]),
        (6, 3, [(3, 2.0), (6, 5.0)]),
        (2, 5, [(2, 1.5)]),
        (3, 1, [(1, 1.0), (2, 2.0), (3, 3.0)]),
    ],
)
def test_history_holds_the_mean_of_each_interval(
    tmp_path: Path, steps: int, log_every: int, expected: list[tuple[int, float]]
) -> None:
    runtime = cpu()
    run_training(tmp_path, LinearTraining(runtime, by_number), runtime, Schedule(steps, 2, log_every))
    assert [(line["step"], line["line"]) for line in lines(tmp_path)] == expected


def test_history_has_six_digits_and_no_clock(tmp_path: Path) -> None:
    runtime = cpu()
    trainable = LinearTraining(runtime, lambda step, output: output * 0 + 1234.56789 * step)
    run_training(tmp_path, trainable, runtime, Schedule(2, 2, 2))
    assert (tmp_path / "history.jsonl").read_text() == '{"step": 2, "line": 1851.85}\n'


def test_loss_of_some_steps_is_averaged_over_those(tmp_path: Path) -> None:
    runtime = cpu()
    trainable = TinyGan(runtime)
    recorded: dict[int, float] = {}
    step = trainable.step

    def spy() -> dict[str, Tensor]:
        losses = step()
        if "generator" in losses:
            recorded[runtime.step] = losses["generator"].item()
        return losses

    trainable.step = spy  # type: ignore[method-assign]
    fit(tmp_path, runtime, trainable=trainable, schedule=replace(SCHEDULE, steps=4, log_every=2))
    written = lines(tmp_path)
    assert written[0]["generator"] == pytest.approx(recorded[1], rel=1e-5)
    assert written[1]["generator"] == pytest.approx(recorded[4], rel=1e-5)
    fit(tmp_path / "other", cpu(), schedule=replace(SCHEDULE, steps=3, log_every=1))
    assert [sorted(line) for line in lines(tmp_path / "other")] == [
        ["critic", "generator", "step"],
        ["critic", "step"],
        ["critic", "step"],
    ]


def infinite_slope(output: Tensor) -> Tensor:
    """Zero, with an infinite derivative."""
    return torch.sqrt(output - output.detach())


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda output: output * math.nan, r"training line, step 9: the loss line is nan\. Lower"),
        (lambda output: output * math.inf, r"training line, step 9: the loss line is inf\. Lower"),
        (infinite_slope, r"training line, step 9: the gradient of line is inf\. Lower"),
    ],
)
def test_divergence_is_named_before_it_reaches_the_weights(
    tmp_path: Path, spoilt: Callable[[Tensor], Tensor], message: str
) -> None:
    runtime = cpu()
    trainable = LinearTraining(runtime, lambda step, output: spoilt(output) if step == 9 else output)
    path = tmp_path / "state" / "checkpoint.safetensors"
    with pytest.raises(TrainingDiverged, match=f"{message} the learning rate.*checkpoint of step 6 is kept in {path}"):
        run_training(tmp_path, trainable, runtime)
    assert torch.isfinite(trainable.weight).all()
    fresh = LinearTraining(cpu(), by_number)
    training = {"steps": 40, "log_every": 7, "device": "cpu", "precision": "32"}
    assert load_checkpoint(path, fresh, {**DESCRIPTION, "training": training}, runtime).step == 6
    assert fresh.weight[0, 0].item() == pytest.approx(1 - 6e-3)


def test_divergence_before_any_checkpoint(tmp_path: Path) -> None:
    runtime = cpu()
    with pytest.raises(TrainingDiverged, match=r"step 1: the loss line is nan.*no checkpoint was written yet"):
        run_training(tmp_path, LinearTraining(runtime, lambda step, output: output * math.nan), runtime)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    runtime = cpu()
    trainable = LinearTraining(runtime, lambda step, output: output)

    def spoil(step: int, output: Tensor) -> Tensor:
        if step == 12:
            spare = trainable.networks["spare"] = torch.nn.Linear(1, 1)
            torch.nn.init.constant_(spare.bias, math.nan)
        return output

    trainable.loss = spoil
    with pytest.raises(TrainingDiverged, match=r"step 12: the weights networks/spare/bias are not finite.*of step 6"):
        run_training(tmp_path, trainable, runtime)


def lazy_monitor() -> Monitor:
    """A monitor that checks values only in `drain`, as on a GPU."""
    monitor = Monitor(eager=False, mean=lambda values: values)
    monitor.reset("training on a GPU", step=0, sums={})
    return monitor


def test_pending_values_are_reported_with_their_step() -> None:
    monitor = lazy_monitor()
    for step in range(1, 6):
        monitor.step = step
        monitor.watch("gradient of critic", torch.tensor(math.inf if step >= 3 else 1.0))
        monitor.record({"critic": torch.tensor(math.nan if step >= 3 else 1.0), "cycle": torch.tensor(2.0)})
    with pytest.raises(TrainingDiverged) as caught:
        monitor.drain()
    assert caught.value.where == "training on a GPU, step 3"
    assert caught.value.problem == "the gradient of critic is inf, the loss critic is nan"


def test_mean_does_not_depend_on_when_the_monitor_is_drained() -> None:
    values = torch.from_numpy(np.random.default_rng(0).normal(size=100).astype(np.float32))
    often, once = lazy_monitor(), lazy_monitor()
    for value in values:
        for monitor in (often, once):
            monitor.record({"loss": value})
        often.drain()
    assert often.sums == {"loss": (sum(values.tolist()), 100)}
    assert often.means() == once.means() == {"loss": float(f"{values.double().mean().item():.6g}")}
    assert once.means() == {}


def test_train_outside_of_the_main_thread(tmp_path: Path) -> None:
    """Python allows signal handlers only in the main thread."""
    steps: list[object] = []

    def work() -> None:
        runtime = cpu()
        steps.append(run_training(tmp_path, LinearTraining(runtime, by_number), runtime).steps)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert steps == [40]


def test_progress_is_logged_with_losses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_EVERY_S", 0.0)
    runtime = cpu()
    with caplog.at_level("INFO"), pytest.raises(SystemExit):
        run_training(tmp_path, LinearTraining(runtime, stop_at(3)), runtime, Schedule(8, 9, 2))
    with caplog.at_level("INFO"):
        run_training(tmp_path, LinearTraining(runtime, by_number), runtime, Schedule(8, 9, 2))
    messages = [message for message in caplog.messages if message.startswith("training line: ")]
    assert messages[1].startswith("training line: 2/8 steps, ")
    assert messages[1].endswith(" s left; line 1.5")
    counts = [message.split("training line: ")[1].split(" steps")[0] for message in messages if "/8 steps" in message]
    assert counts == ["1/8", "2/8", "3/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8"]
    assert "; line 7.5" in messages[-1]


def test_progress_is_a_bar_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    runtime = cpu()
    with pytest.raises(SystemExit):
        run_training(tmp_path, LinearTraining(runtime, stop_at(3)), runtime, Schedule(8, 9, 2))
    assert "training line:  38%" in terminal.getvalue()
    run_training(tmp_path, LinearTraining(runtime, by_number), runtime, Schedule(8, 9, 2))
    last = terminal.getvalue().split("\r")[-1]
    assert "training line: 100%" in last
    assert "8/8" in last
    assert "line 7.5" in last


def stop_at(stop: int) -> Callable[[int, Tensor], Tensor]:
    def loss(step: int, output: Tensor) -> Tensor:
        terminate_at(stop)(step)
        return by_number(step, output)

    return loss
