"""Overhead of the training loop: a training compared with the same steps in a bare loop."""

import multiprocessing
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.networks.unet import UNetGenerator
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import EpochSampler, ImagePool, augment_dihedral
from hemabalance.training.checkpoint import Position, save_checkpoint
from hemabalance.training.device import Runtime, start
from hemabalance.training.loop import Schedule, train

SIZE, WIDTH, BATCH = 128, 16, 4
STEPS, ROUNDS = 40, 5
SCHEDULE = Schedule(steps=STEPS, checkpoint_every=STEPS, log_every=10)


def network() -> nn.Module:
    torch.manual_seed(1)
    return UNetGenerator(SIZE, WIDTH, "transposed", False)


def loss_of(net: nn.Module, images: Tensor) -> Tensor:
    return nn.functional.l1_loss(net(images), images)


def bare_steps(pipe: Connection) -> None:
    """Do only forward, backward and optimiser step for each received batch; send back its time."""
    torch.set_num_threads(1)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    while (pixels := pipe.recv()) is not None:
        images = torch.from_numpy(pixels)
        start_s = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss_of(net, images).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        pipe.send(time.perf_counter() - start_s)


@dataclass
class Times:
    """Times of one step, in seconds."""

    sampling: float
    """Sampling and augmentation of the images."""
    bare: float
    """The step in the bare loop."""
    waiting: float
    """Waiting for the bare loop."""
    loop: float
    """All other time up to the next step."""


class IdentityTraining:
    """A U-Net that learns the identity, with sampling, augmentation, checks and log.

    A second process does each step with the same images in a bare loop, in alternation with this one, so that other
    load on the machine affects both, and neither uses the other's memory.
    """

    def __init__(self, runtime: Runtime, images: np.ndarray, bare: Connection) -> None:
        net = network()
        self.runtime, self.bare = runtime, bare
        self.net, optimizer = runtime.setup(net, torch.optim.Adam(net.parameters(), 1e-4))
        self.networks, self.optimizers = {"net": self.net}, {"net": optimizer}
        self.schedulers: dict[str, torch.optim.lr_scheduler.LRScheduler] = {}
        self.averages: dict[str, ExponentialAverage] = {}
        self.samplers = {"images": EpochSampler(len(images), BATCH, 1, 0)}
        self.generators = {"poses": runtime.generator("poses")}
        self.pool = ImagePool(images, runtime, 1 << 30)
        self.step_start = 0.0
        self.times: list[Times] = []

    def step(self) -> dict[str, Tensor]:
        now = time.perf_counter()
        if self.times:
            previous = self.times[-1]
            previous.loop = now - self.step_start - previous.sampling - previous.waiting
        self.step_start = now
        images = augment_dihedral(self.pool.take(self.samplers["images"].next_batch()), self.generators["poses"])
        sampled = time.perf_counter()
        self.bare.send(images.numpy())
        bare = self.bare.recv()
        self.times.append(Times(sampled - now, bare, time.perf_counter() - sampled, 0.0))
        loss = loss_of(self.net, images)
        self.runtime.minimise(loss, self.optimizers["net"], [self.net], "copy")
        return {"copy": loss.detach()}


def measure(trainable: IdentityTraining) -> tuple[list[Times], float]:
    """Return the times of all steps but the first two and the last, and the time of a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        train(
            trainable,
            SCHEDULE,
            state=Path(folder) / "state",
            history=Path(folder) / "history.jsonl",
            description={},
            runtime=trainable.runtime,
            what="benchmark",
        )
        start_s = time.perf_counter()
        save_checkpoint(
            Path(folder) / "state" / "checkpoint.safetensors", trainable, Position(0), {}, trainable.runtime
        )
        return trainable.times[2:-1], time.perf_counter() - start_s


def bench_loop() -> None:
    """Print the overhead of the loop in percent of a bare step, and the cost of images and checkpoints."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    images = np.random.default_rng(1).integers(0, 256, (64, SIZE, SIZE, 3), np.uint8)
    rounds = []
    for _ in range(ROUNDS):
        parent, child = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=bare_steps, args=(child,))
        process.start()
        rounds.append(measure(IdentityTraining(runtime, images, parent)))
        parent.send(None)
        process.join()
    steps = [step for times, _ in rounds for step in times]
    bare = statistics.median(step.bare for step in steps)
    sampling = statistics.median(step.sampling for step in steps) / bare
    overheads = [100 * (statistics.median(step.loop / step.bare for step in times) - 1) for times, _ in rounds]
    saving = statistics.median(seconds for _, seconds in rounds)
    print(
        f"training loop, U-Net of width {WIDTH}, {BATCH} images of {SIZE} px, 1 thread, {ROUNDS} x {STEPS} steps: "
        f"{statistics.median(overheads):+.1f} % ({min(overheads):+.1f} to {max(overheads):+.1f} %) on a bare step of "
        f"{1000 * bare:.0f} ms; sampling and augmenting the images {100 * sampling:.1f} %; a checkpoint "
        f"{1000 * saving:.0f} ms"
    )


if __name__ == "__main__":
    bench_loop()
