"""Single steps of a training, outside of the training loop: no history, no checkpoint."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hemabalance.training.batches import ImagePool
from hemabalance.training.device import Runtime, start
from hemabalance.training.job import FitJob
from hemabalance.training.trainable import Trainable

SEED = 1


@dataclass(frozen=True)
class Machine:
    """The device under check.

    Attributes:
        device: "cuda" or "cpu".
        threads: CPU threads.
        folder: folder for temporary files.
    """

    device: str
    threads: int
    folder: Path

    def job(self, precision: str = "32", *, device: str | None = None) -> FitJob:
        """A job on the device under check, or on another one; all random numbers start again."""
        runtime = start(device=device or self.device, precision=precision, devices=1, seed=SEED, threads=self.threads)
        return FitJob(runtime, self.folder / "state", self.folder / "history.jsonl", self.threads, SEED)


def take_steps(trainable: Trainable, runtime: Runtime, count: int) -> Mapping[str, Tensor]:
    """Take `count` steps as the training loop does, and wait until the device has finished them.

    Returns:
        The losses of the last step.

    Raises:
        TrainingDiverged: a loss or gradient is not finite.
    """
    losses: Mapping[str, Tensor] = {}
    for _ in range(count):
        runtime.monitor.step += 1
        for optimizer in trainable.optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        losses = trainable.step()
        runtime.monitor.record(losses)
    runtime.monitor.drain()
    wait(runtime.device)
    return losses


def wait(device: torch.device) -> None:
    """Wait until the device has finished all work."""
    if device.type == "cuda":
        torch.cuda.synchronize()


@dataclass
class PoolUse:
    """Images that trainings took from image pools, and the time that this took, in seconds."""

    images: int = 0
    seconds: float = 0.0


@contextmanager
def watched_pools(device: torch.device) -> Iterator[PoolUse]:
    """Count the images that trainings take from their pools, and time it; every read waits for the device."""
    use, take = PoolUse(), ImagePool.take

    def timed(self: ImagePool, indices: Tensor) -> Tensor:
        wait(device)
        begin = time.perf_counter()
        batch = take(self, indices)
        wait(device)
        use.seconds += time.perf_counter() - begin
        use.images += len(indices)
        return batch

    ImagePool.take = timed  # type: ignore[method-assign]
    try:
        yield use
    finally:
        ImagePool.take = take  # type: ignore[method-assign]
