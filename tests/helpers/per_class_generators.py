"""Generators with one network for each class, built for small images of discs coloured by class."""

from pathlib import Path
from typing import Any

from helpers.conditional_generators import LABELS, SIZE, data, job
from helpers.method_settings import small_settings
from helpers.small_trainings import cpu
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes

METHODS = ("dcgan", "fastgan")
TRAINING: dict[str, Any] = {"lr": 2e-3, "batch": 4, "snapshots": 3}


def build(name: str, size: int = SIZE, labels: tuple[str, ...] = LABELS, **changed: Any) -> Any:
    settings = small_settings("synthesis", name, **{**TRAINING, **changed})
    spec = GeneratorSpec(method=name, settings=settings)
    return spec.build(classes=Classes(labels, labels), size=size, runtime=cpu())


def initialise(name: str, folder: Path, **changed: Any) -> Any:
    return build(name, **changed).initialise_training(data(), job(folder))


def take_step(training: Any) -> Any:
    """One step as the training loop takes it."""
    training.runtime.monitor.step += 1
    for optimizer in training.optimizers.values():
        optimizer.zero_grad(set_to_none=True)
    return training.step()
