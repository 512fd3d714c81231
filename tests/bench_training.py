"""What the training loop costs: a training with all of it against the same steps in a bare loop."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.networks.unet import UNetGenerator
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import EpochSampler, ImagePool, augment_dihedral
from hemabalance.training.device import Runtime, start
from hemabalance.training.loop import Schedule, train

SIZE, WIDTH, BATCH = 64, 16, 8
STEPS, ROUNDS = 30, 9
SCHEDULE = Schedule(steps=STEPS, checkpoint_every=STEPS, log_every=10)


def network() -> nn.Module:
    torch.manual_seed(1)
    return UNetGenerator(SIZE, WIDTH, "transposed", False)


def loss_of(net: nn.Module, images: Tensor) -> Tensor:
    return nn.functional.l1_loss(net(images), images)


class Copier:
    """A U-Net that learns to copy: sampled, turned, watched, logged and saved.

    In turns with its twin, which takes each step with the same images in a bare loop, so that what else the machine
    does meets both alike.
    """

    def __init__(self, runtime: Runtime, images: np.ndarray) -> None:
        net, self.twin = network(), network()
        self.runtime = runtime
        self.net, optimizer = runtime.setup(net, torch.optim.Adam(net.parameters(), 1e-4))
        self.twin_optimizer = torch.optim.Adam(self.twin.parameters(), 1e-4)
        self.networks, self.optimizers = {"net": self.net}, {"net": optimizer}
        self.schedulers: dict[str, torch.optim.lr_scheduler.LRScheduler] = {}
        self.averages: dict[str, ExponentialAverage] = {}
        self.samplers = {"images": EpochSampler(len(images), BATCH, 1, 0)}
        self.generators = {"poses": runtime.generator("poses")}
        self.pool = ImagePool(images, runtime, 1 << 30)
        self.twin_s = 0.0

    def step(self) -> dict[str, Tensor]:
        images = augment_dihedral(self.pool.take(self.samplers["images"].draw()), self.generators["poses"])
        if self.runtime.step % 2:
            self.twin_step(images)
        loss = loss_of(self.net, images)
        self.runtime.minimise(loss, self.optimizers["net"], [self.net], "copy")
        if not self.runtime.step % 2:
            self.twin_step(images)
        return {"copy": loss.detach()}

    def twin_step(self, images: Tensor) -> None:
        """Forward, backward and step; nothing else."""
        start_s = time.perf_counter()
        self.twin_optimizer.zero_grad(set_to_none=True)
        loss_of(self.twin, images).backward()  # type: ignore[no-untyped-call]
        self.twin_optimizer.step()
        self.twin_s += time.perf_counter() - start_s


def seconds(trainee: Copier) -> tuple[float, float]:
    """Of the bare steps, and of all the rest of `train` until history and checkpoint are on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        start_s = time.perf_counter()
        train(
            trainee,
            SCHEDULE,
            state=Path(folder) / "state",
            history=Path(folder) / "history.jsonl",
            description={},
            runtime=trainee.runtime,
            what="benchmark",
        )
        return trainee.twin_s, time.perf_counter() - start_s - trainee.twin_s


def bench_loop() -> None:
    """Prints the overhead in percent, the median over rounds."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    images = np.random.default_rng(1).integers(0, 256, (64, SIZE, SIZE, 3), np.uint8)
    seconds(Copier(runtime, images))
    pairs = [seconds(Copier(runtime, images)) for _ in range(ROUNDS)]
    overheads = [100 * (loop / bare - 1) for bare, loop in pairs]
    step_ms = 1000 * statistics.median(bare for bare, _ in pairs) / STEPS
    print(
        f"training loop, U-Net of width {WIDTH}, {BATCH} images of {SIZE} px, 1 thread, {STEPS} steps with data, "
        f"history and a checkpoint: {statistics.median(overheads):+.1f} % on a bare step of {step_ms:.0f} ms "
        f"({min(overheads):+.1f} to {max(overheads):+.1f} %, {ROUNDS} rounds)"
    )


if __name__ == "__main__":
    bench_loop()
