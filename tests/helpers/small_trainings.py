"""Trainings of a few hundred weights: a GAN with all parts that a checkpoint must contain, and a linear layer."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import BalancedSampler, EpochSampler, ImagePool, Sampler, augment_dihedral
from hemabalance.training.device import Runtime, start
from hemabalance.training.loop import Schedule, Trainable, TrainingResult, train
from hemabalance.training.weights import save_weights

SIZE = 12
IMAGES = np.random.default_rng(5).integers(0, 256, (20, SIZE, SIZE, 3), np.uint8)
LABELS = ["basophil"] * 3 + ["monocyte"] * 12 + ["platelet"] * 5
SCHEDULE = Schedule(steps=40, checkpoint_every=6, log_every=7)
DESCRIPTION: dict[str, Any] = {"method": "tiny", "size": SIZE, "loss": {"cycle": 10.0}}


class PowerCut(BaseException):
    """Interrupts a training."""


def cut_at(step: int) -> Callable[[int], None]:
    """A function for `before_step` that raises PowerCut at this step."""

    def cut(current: int) -> None:
        if current == step:
            raise PowerCut

    return cut


def terminate_at(step: int) -> Callable[[int], None]:
    """A function for `before_step` that sends SIGTERM to this process at this step."""

    def terminate(current: int) -> None:
        if current == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return terminate


def cpu(precision: str = "32", seed: int = 3) -> Runtime:
    return start(device="cpu", precision=precision, devices=1, seed=seed, threads=1)


class TinyGan:
    """Two networks, two optimisers, schedulers, an average, two samplers, a generator; uses global generators, too.

    `before_step` is called with the number of the next step.
    """

    def __init__(
        self, runtime: Runtime, *, width: int = 4, before_step: Callable[[int], object] = lambda step: None
    ) -> None:
        self.runtime, self.before_step = runtime, before_step
        torch.manual_seed(runtime.seed)
        critic = nn.Sequential(
            nn.Conv2d(3, width, 4, 2), nn.BatchNorm2d(width), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 3)
        )
        generator = nn.Conv2d(3, 3, 3, padding=1)
        self.bare_critic = critic
        self.critic, critic_optimizer = runtime.setup(critic, torch.optim.Adam(critic.parameters(), 2e-3, (0.5, 0.9)))
        self.generator = runtime.setup(generator)
        generator_optimizer = torch.optim.RMSprop(generator.parameters(), 1e-3, momentum=0.5)
        self.networks = {"critic": self.critic, "generator": self.generator}
        self.optimizers = {"critic": critic_optimizer, "generator": generator_optimizer}
        self.schedulers = {
            "critic": torch.optim.lr_scheduler.MultiStepLR(critic_optimizer, [11, 23], 0.5),
            "generator": torch.optim.lr_scheduler.LinearLR(generator_optimizer, 1.0, 0.1, 30),
        }
        self.averages = {"generator": ExponentialAverage(self.generator, 0.9)}
        self.samplers: dict[str, Sampler] = {
            "a": BalancedSampler(LABELS, 4, runtime.seed, runtime.rank),
            "b": EpochSampler(len(IMAGES), 4, runtime.seed, runtime.rank),
        }
        self.generators = {"poses": runtime.generator("poses")}
        self.pool = ImagePool(IMAGES, runtime, 1 << 20)
        torch.manual_seed(runtime.seed + runtime.rank)
        np.random.seed(runtime.seed + runtime.rank)

    def images(self, sampler: str) -> Tensor:
        return augment_dihedral(self.pool.take(self.samplers[sampler].next_batch()), self.generators["poses"])

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        alpha = torch.rand(len(real), 1, 1, 1, device=real.device)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self.bare_critic(mixed).sum(), mixed, create_graph=True)
        penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty

    def step(self) -> dict[str, Tensor]:
        self.before_step(self.runtime.step)
        a, b = self.images("a"), self.images("b")
        fake = self.generator(a).detach()
        critic_loss = self.critic(fake).mean() - self.critic(b).mean() + self.penalty(b, fake) * np.random.uniform(1, 2)
        self.runtime.minimise(critic_loss, self.optimizers["critic"], [self.critic], "critic")
        losses = {"critic": critic_loss.detach()}
        if self.runtime.step % 3 == 1:
            loss = -self.critic(self.generator(a)).mean() + (self.generator(self.generator(a)) - a).abs().mean()
            self.runtime.minimise(loss, self.optimizers["generator"], [self.generator], "generator")
            self.averages["generator"].update()
            losses["generator"] = loss.detach()
        for scheduler in self.schedulers.values():
            scheduler.step()
        return losses


class LinearTraining:
    """One linear layer with the loss `loss(step, output)`."""

    def __init__(self, runtime: Runtime, loss: Callable[[int, Tensor], Tensor]) -> None:
        self.runtime, self.loss = runtime, loss
        line = nn.Linear(2, 1)
        self.weight = line.weight
        nn.init.constant_(line.weight, 1.0)
        self.layer, optimizer = runtime.setup(line, torch.optim.SGD(line.parameters(), 1e-3))
        self.networks: dict[str, nn.Module] = {"line": self.layer}
        self.optimizers: dict[str, torch.optim.Optimizer] = {"line": optimizer}
        self.schedulers: dict[str, Any] = {}
        self.averages: dict[str, ExponentialAverage] = {}
        self.samplers: dict[str, Any] = {}
        self.generators: dict[str, torch.Generator] = {}

    def step(self) -> dict[str, Tensor]:
        loss = self.loss(self.runtime.step, self.layer(torch.ones(1, 2)).sum())
        self.runtime.minimise(loss, self.optimizers["line"], [self.layer], "line")
        return {"line": loss.detach()}


def run_training(folder: Path, trainable: Trainable, runtime: Runtime, schedule: Schedule = SCHEDULE) -> TrainingResult:
    """Train any trainable in `folder`."""
    return train(
        trainable,
        schedule,
        state=folder / "state",
        history=folder / "history.jsonl",
        description=DESCRIPTION,
        runtime=runtime,
        what="training line",
    )


def fit(
    folder: Path,
    runtime: Runtime,
    *,
    schedule: Schedule = SCHEDULE,
    description: dict[str, Any] = DESCRIPTION,
    trainable: TinyGan | None = None,
    **options: Any,
) -> TrainingResult:
    """Train a new TinyGan with `folder/state`; leave `history.jsonl` and `weights.safetensors` in `folder`."""
    trainable = trainable or TinyGan(runtime, **options)
    training = train(
        trainable,
        schedule,
        state=folder / "state",
        history=folder / "history.jsonl",
        description=description,
        runtime=runtime,
        what="training tiny",
    )
    if runtime.rank == 0:
        average = {"average": trainable.averages["generator"].module}
        save_weights(folder / "weights.safetensors", {**trainable.networks, **average}, {})
    return training


def result(folder: Path) -> tuple[bytes, bytes]:
    """The bytes of weights and history."""
    return (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()


def lines(folder: Path) -> list[dict[str, float]]:
    """The lines of the history."""
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def run_program(name: str, *arguments: str) -> str:
    """Run a program beside this file; return its stdout. It must succeed."""
    program = [sys.executable, str(Path(__file__).with_name(name)), *arguments]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.run(
        program, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
