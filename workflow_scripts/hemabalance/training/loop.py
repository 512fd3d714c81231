"""The training loop: killed at any moment and started again, it ends with the same bytes (on the CPU)."""

import json
import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.progress import Meter
from hemabalance.training.checkpoint import Position, load_checkpoint, save_checkpoint, weights
from hemabalance.training.device import Runtime
from hemabalance.training.trainable import StopsEarly, Trainable

__all__ = ["Schedule", "Trainable", "TrainingResult", "train"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How long to train; all in steps."""

    steps: int
    """At most: a trainable that is `StopsEarly` may take fewer."""
    checkpoint_every: int
    log_every: int
    """Steps a line of the history."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training took."""

    steps: int
    """Those taken, over all sessions."""
    seconds: float
    """Summed over the sessions of a training that was interrupted."""


def train(
    trainable: Trainable,
    schedule: Schedule,
    *,
    state: Path,
    history: Path,
    description: Mapping[str, Any],
    runtime: Runtime,
    what: str,
) -> TrainingResult:
    """Take `schedule.steps` steps, or those that an earlier call with the same `state` left to take.

    A trainable that is `StopsEarly` is saved and its history closed at the step after which it had enough.

    With several processes all call this alike; rank 0 writes.

    Args:
        trainable: built as for the first step, with the same seed each time.
        schedule: how long, and how often to save and log.
        state: folder for the checkpoint and the history so far; the caller removes it once all is done.
        history: written at the end: JSON lines of "step" and each loss's mean since the line before, to 6
            significant digits.
        description: JSON values that decide the outcome: settings, and what tells the data apart.
        runtime: of this process.
        what: for progress and messages, as "training pix2pix".

    Raises:
        TrainingDiverged: a loss, gradient or weight is not finite; the last good checkpoint is kept.
        InputError: the checkpoint belongs to another training or is damaged; the disk is full.
        SystemExit: code 143, on SIGTERM, after the step in hand and a checkpoint.
    """
    session = _Session(trainable, schedule, state, description, runtime, what)
    shown = Meter(what, schedule.steps, "step", done=session.step, shown=runtime.rank == 0)
    with _sigterm() as asked, shown as meter:
        stop = False
        while not session.done and not stop:
            session.take_step()
            stop = runtime.any(asked.stop)  # agreed: the signal may reach one process only, and at any moment
            end = session.done
            note = session.close_interval() if end or session.step % schedule.log_every == 0 else None
            if end or stop or session.step % schedule.checkpoint_every == 0:
                session.save()
            meter.advance(note)
        if runtime.any(asked.stop):
            asked.stop = True
            if runtime.rank == 0:
                log.info("%s: asked to stop, saved at step %d", what, session.step)
        elif session.step < schedule.steps and runtime.rank == 0:
            log.info("%s: has enough after step %d of %d", what, session.step, schedule.steps)
    return session.finish(history)


class _Session:
    """One call of `train`: what it knows, from the checkpoint to the next."""

    def __init__(
        self,
        trainable: Trainable,
        schedule: Schedule,
        folder: Path,
        description: Mapping[str, Any],
        runtime: Runtime,
        what: str,
    ) -> None:
        self._trainee, self._runtime, self._steps = trainable, runtime, schedule.steps
        self._early = trainable if isinstance(trainable, StopsEarly) else None
        self._path, self._history = folder / "checkpoint.safetensors", folder / "history.jsonl"
        self._description = {
            **description,
            "training.steps": schedule.steps,
            "training.log_every": schedule.log_every,
            "training.device": runtime.device.type,
            "training.precision": runtime.precision,
        }
        self._monitor = runtime.monitor
        position = Position(0)
        if resumed := self._path.exists():
            position = load_checkpoint(self._path, trainable, self._description, runtime)
        self.step, self._seconds = position.step, position.seconds
        self._started = time.monotonic() - position.seconds
        self._monitor.reset(what, step=self.step, sums=position.sums)
        if resumed:
            self._monitor.checkpoint = (self._path, self.step)
        if runtime.rank == 0:
            self._cut_history(position.history)
            if resumed:
                log.info("%s: goes on after step %d of %d", what, self.step, schedule.steps)

    @property
    def done(self) -> bool:
        """Whether no step is left to take."""
        return self.step >= self._steps or (self._early is not None and self._early.finished)

    def take_step(self) -> None:
        self._monitor.step = self.step + 1
        for optimizer in self._trainee.optimizers.values():
            optimizer.zero_grad(set_to_none=True)  # here, as the forward pass can use the memory
        self._monitor.record(self._trainee.step())
        self.step += 1

    def close_interval(self) -> str:
        """Write a line of the history; the same for the eye."""
        means = self._monitor.means()
        if self._runtime.rank == 0:
            line = json.dumps({"step": self.step, **means})
            with self._writing(), self._history.open("a", encoding="utf-8") as handle:
                handle.write(line + "\n")
        return ", ".join(f"{name} {mean:.4g}" for name, mean in means.items())

    def save(self) -> None:
        self._monitor.drain()
        self._monitor.check_weights(weights(self._trainee))
        length = 0
        if self._runtime.rank == 0:
            with self._writing(), self._history.open("ab") as handle:
                os.fsync(handle.fileno())
                length = handle.tell()
        self._seconds = time.monotonic() - self._started
        position = Position(self.step, self._seconds, length, self._monitor.sums)
        save_checkpoint(self._path, self._trainee, position, self._description, self._runtime)
        self._monitor.checkpoint = (self._path, self.step)

    def finish(self, history: Path) -> TrainingResult:
        """Hand the history over; the time is that of the last checkpoint."""
        self._runtime.share(weights(self._trainee).values())  # buffers, which each rank has of its own batches
        if self._runtime.rank == 0:
            with atomic_path(history) as part:
                shutil.copyfile(self._history, part)
        self._runtime.fabric.barrier()
        return TrainingResult(self.step, self._seconds)

    def _cut_history(self, length: int) -> None:
        """Drop the lines of steps that will be taken again."""
        with self._writing():
            self._history.parent.mkdir(parents=True, exist_ok=True)
            with self._history.open("ab") as handle:
                if handle.tell() < length:
                    problem = f"has {handle.tell()} bytes, fewer than the {length} that the checkpoint beside it knows"
                    again = f"Delete the folder {self._history.parent} and run again: training starts anew"
                    raise InputError(self._history, problem, again)
                handle.truncate(length)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise InputError(self._history, problem, "Free some space or correct the folder, and run again") from error


@dataclass
class _StopRequest:
    stop: bool = False


@contextmanager
def _sigterm() -> Iterator[_StopRequest]:
    """Let SIGTERM only raise a flag within; end the program by it afterwards."""
    asked = _StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may handle signals
        return

    def ask(number: int, frame: FrameType | None) -> None:
        asked.stop = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
    if asked.stop:
        raise SystemExit(128 + signal.SIGTERM)
