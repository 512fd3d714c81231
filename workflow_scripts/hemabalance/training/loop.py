"""The training loop. On the CPU a training that is killed and resumed gives the same bytes as an uninterrupted one."""

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
    """Length of a training and of its intervals; all in steps."""

    steps: int
    """Maximum number of steps: a trainable that is `StopsEarly` may take fewer."""
    checkpoint_every: int
    log_every: int
    """Steps between two lines of the history."""


@dataclass(frozen=True)
class TrainingResult:
    """Steps and time of a training, summed over the sessions of an interrupted one."""

    steps: int
    seconds: float
    """Until the last checkpoint."""


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
    """Take `schedule.steps` steps, or the remaining ones if the folder `state` has a checkpoint of this training.

    A trainable that is `StopsEarly` is saved, and its history closed, after the step at which it is finished.

    With several processes all must call this; rank 0 writes.

    Args:
        trainable: built as for the first step, with the same seed each time.
        schedule: number of steps, and intervals between checkpoints and between history lines.
        state: folder for the checkpoint and the unfinished history; the caller removes it on success.
        history: file to write at the end: JSON lines of "step" and each loss's mean since the previous line, to 6
            significant digits.
        description: JSON values that determine the result: settings, and a fingerprint of the data.
        runtime: of this process.
        what: name of the training for progress and messages, for example "training pix2pix".

    Raises:
        TrainingDiverged: a loss, gradient or weight is not finite; the last good checkpoint is kept.
        InputError: the checkpoint belongs to another training or is damaged; the disk is full.
        SystemExit: code 143, on SIGTERM, after the current step and a checkpoint.
    """
    session = _Session(trainable, schedule, state, description, runtime, what)
    progress = Meter(what, schedule.steps, "step", done=session.step, shown=runtime.rank == 0)
    with _stop_on_sigterm() as stop_request, progress as meter:
        stop = False
        while not session.done and not stop:
            session.take_step()
            # The signal may reach only one process, at any moment, so all processes have to agree to stop.
            stop = runtime.any(stop_request.stop)
            end = session.done
            note = session.close_interval() if end or session.step % schedule.log_every == 0 else None
            if end or stop or session.step % schedule.checkpoint_every == 0:
                session.save()
            meter.advance(note)
        if runtime.any(stop_request.stop):
            stop_request.stop = True
            if runtime.rank == 0:
                log.info("%s: stopped by a signal, saved at step %d", what, session.step)
        elif session.step < schedule.steps and runtime.rank == 0:
            log.info("%s: stopped early after step %d of %d", what, session.step, schedule.steps)
    return session.finish(history)


class _Session:
    """One call of `train`: the training, its checkpoint and its unfinished history."""

    def __init__(
        self,
        trainable: Trainable,
        schedule: Schedule,
        folder: Path,
        description: Mapping[str, Any],
        runtime: Runtime,
        what: str,
    ) -> None:
        self._trainable, self._runtime, self._steps = trainable, runtime, schedule.steps
        self._early_stopping = trainable if isinstance(trainable, StopsEarly) else None
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
                log.info("%s: resumes after step %d of %d", what, self.step, schedule.steps)

    @property
    def done(self) -> bool:
        """Whether the last step has been taken."""
        return self.step >= self._steps or (self._early_stopping is not None and self._early_stopping.finished)

    def take_step(self) -> None:
        self._monitor.step = self.step + 1
        for optimizer in self._trainable.optimizers.values():
            optimizer.zero_grad(set_to_none=True)  # already here, so that the forward pass can use the memory
        self._monitor.record(self._trainable.step())
        self.step += 1

    def close_interval(self) -> str:
        """Write a line of the history, and return it as text for the progress bar."""
        means = self._monitor.means()
        if self._runtime.rank == 0:
            line = json.dumps({"step": self.step, **means})
            with self._explain_write_errors(), self._history.open("a", encoding="utf-8") as handle:
                handle.write(line + "\n")
        return ", ".join(f"{name} {mean:.4g}" for name, mean in means.items())

    def save(self) -> None:
        self._monitor.drain()
        self._monitor.check_weights(weights(self._trainable))
        length = 0
        if self._runtime.rank == 0:
            with self._explain_write_errors(), self._history.open("ab") as handle:
                os.fsync(handle.fileno())
                length = handle.tell()
        self._seconds = time.monotonic() - self._started
        position = Position(self.step, self._seconds, length, self._monitor.sums)
        save_checkpoint(self._path, self._trainable, position, self._description, self._runtime)
        self._monitor.checkpoint = (self._path, self.step)

    def finish(self, history: Path) -> TrainingResult:
        """Copy the history to its final place; the returned time is that of the last checkpoint."""
        self._runtime.broadcast(weights(self._trainable).values())  # buffers differ: each rank has its own batches
        if self._runtime.rank == 0:
            with atomic_path(history) as part:
                shutil.copyfile(self._history, part)
        self._runtime.fabric.barrier()
        return TrainingResult(self.step, self._seconds)

    def _cut_history(self, length: int) -> None:
        """Remove the lines of steps after the checkpoint, which will be taken again."""
        with self._explain_write_errors():
            self._history.parent.mkdir(parents=True, exist_ok=True)
            with self._history.open("ab") as handle:
                if handle.tell() < length:
                    problem = f"has {handle.tell()} bytes, fewer than the {length} that the checkpoint recorded"
                    remedy = (
                        f"Delete the folder {self._history.parent} and run again: training starts from its first step"
                    )
                    raise InputError(self._history, problem, remedy)
                handle.truncate(length)

    @contextmanager
    def _explain_write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            problem = f"cannot be written ({error.strerror})"
            raise InputError(
                self._history, problem, "Free disk space or make the folder writable, and run again"
            ) from error


@dataclass
class _StopRequest:
    stop: bool = False


@contextmanager
def _stop_on_sigterm() -> Iterator[_StopRequest]:
    """Within the block SIGTERM only sets a flag; the program exits with code 143 at the end of the block."""
    stop_request = _StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop_request  # only the main thread may handle signals
        return

    def handle_signal(number: int, frame: FrameType | None) -> None:
        stop_request.stop = True

    previous_handler = signal.signal(signal.SIGTERM, handle_signal)
    try:
        yield stop_request
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if previous_handler is None else previous_handler)
    if stop_request.stop:
        raise SystemExit(128 + signal.SIGTERM)
