"""Images of discs coloured by class, and conditional generators that are built for or fitted on them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.method_settings import small_settings
from helpers.small_trainings import cpu
from hemabalance.gpu_check.examples import ExampleJudge
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.job import FitJob, Images

SIZE = 16
LABELS = ("basophil", "monocyte", "platelet")
COLOURS = {"basophil": (90, 40, 120), "monocyte": (120, 170, 60), "platelet": (220, 120, 150), "neutrophil": (0, 0, 0)}
TRAINING: dict[str, Any] = {"lr": 2e-3, "batch": 4, "critic_steps": 2, "snapshots": 3}
METHOD_SETTINGS: dict[str, dict[str, Any]] = {
    "c_wgan_gp": {"classifier_lr": 2e-3},
    "cwgan_gp": {},
    "cgan": {},
    "acgan": {},
    "infogan": {},
    "diffaugment": {},
}
"""Settings in which the tests of a method differ from `small_settings`."""
every_method = pytest.mark.parametrize("name", METHOD_SETTINGS)


def cells(labels: list[str], seed: int, size: int = SIZE) -> Images:
    """Discs with the colour of their class."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:size, 0:size]
    pixels = np.full((len(labels), size, size, 3), 235)
    for k, label in enumerate(labels):
        pixels[k, np.hypot(down - size / 2, across - size / 2) < size * rng.uniform(0.2, 0.4)] = COLOURS[label]
    return Images((pixels + rng.integers(-9, 10, pixels.shape)).clip(0, 255).astype(np.uint8), np.array(labels))


def data(real: Images | None = None, held_back: int = 4, size: int = SIZE) -> SynthesisData:
    labels = ["monocyte"] * 6 + ["basophil"] * 3 + ["neutrophil"] * 4 + ["platelet"]
    labels_held_back = [*LABELS, "neutrophil"] * held_back
    empty = Images(np.empty((0, size, size, 3), np.uint8), np.empty(0, "<U1"))
    held_back_images = cells(labels_held_back, 2) if held_back else empty
    judge: Any = ExampleJudge(sorted(COLOURS))
    return SynthesisData(real or cells(labels, 1, size), held_back_images, empty, judge=judge)


def job(folder: Path, seed: int = 7, runtime: Runtime | None = None) -> FitJob:
    return FitJob(runtime or cpu(seed=seed), folder / "state", folder / "history.jsonl", threads=1, seed=seed)


def build(
    name: str, size: int = SIZE, trained: tuple[str, ...] = LABELS, served: tuple[str, ...] = LABELS, **changed: Any
) -> Any:
    settings = small_settings("synthesis", name, **{**TRAINING, **METHOD_SETTINGS[name], **changed})
    spec = GeneratorSpec(method=name, settings=settings)
    return spec.build(classes=Classes(trained, served), size=size, runtime=cpu())


def initialise(name: str, folder: Path, **changed: Any) -> Any:
    return build(name, **changed).initialise_training(data(), job(folder))


def fit(name: str, folder: Path, seed: int = 7, **changed: Any) -> Any:
    generator = build(name, **changed)
    generator.fit(data(), job(folder, seed))
    return generator


def parameters(training: Any) -> dict[str, dict[str, torch.Tensor]]:
    return {
        name: {key: value.detach().clone() for key, value in unwrapped(training.networks[name]).named_parameters()}
        for name in training.optimizers
    }
