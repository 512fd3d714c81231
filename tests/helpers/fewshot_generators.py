"""Small data for the few-shot methods, and generators that are built for or fitted on them."""

from pathlib import Path
from typing import Any

import numpy as np

from helpers.method_settings import small_settings
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime, start
from hemabalance.training.job import FitJob, Images

SIZE = 16
CLASSES = Classes(("basophil", "monocyte"), ("monoblast", "smudge_cell"))
TRAINING: dict[str, Any] = {"lr": 1e-3, "betas": (0.5, 0.9), "outer_step": 0.5}
SHORT: dict[str, Any] = {"episodes": 1, "inner_steps": 1, "adapt_steps": 2, "snapshots": 1}
METHOD_SETTINGS: dict[str, dict[str, Any]] = {"fewshot_meta": {"lambda_mode_seeking": 0.1}, "figr": {}}
"""Settings in which the tests of a method differ from `small_settings`."""
LEVELS = {"basophil": 60, "monocyte": 120, "monoblast": 180, "smudge_cell": 220}


def cells(label: str, count: int, seed: int, size: int = SIZE) -> np.ndarray:
    """Noise around the level of the class, uint8 (count, size, size, 3)."""
    noise = np.random.default_rng([seed, LEVELS[label]]).integers(-30, 31, (count, size, size, 3))
    return (LEVELS[label] + noise).astype(np.uint8)


def images(counts: dict[str, int], seed: int, size: int = SIZE) -> Images:
    pixels = [np.empty((0, size, size, 3), np.uint8), *(cells(label, n, seed, size) for label, n in counts.items())]
    return Images(np.concatenate(pixels), np.repeat(np.array(list(counts), dtype=str), list(counts.values())))


def data(counts: dict[str, int] | None = None, teacher: int = 4, size: int = SIZE) -> SynthesisData:
    real = counts or {"basophil": 5, "monocyte": 6, "monoblast": 4, "smudge_cell": 2}
    teacher_images = images({"basophil": teacher} if teacher else {}, 9, size)
    return SynthesisData(images(real, 1, size), images({}, 2, size), teacher_images)


def runtime(seed: int = 7, precision: str = "32") -> Runtime:
    return start(device="cpu", precision=precision, devices=1, seed=seed, threads=1)


def job(folder: Path, seed: int = 7, precision: str = "32") -> FitJob:
    return FitJob(runtime(seed, precision), folder / "state", folder / "history.jsonl", threads=1, seed=seed)


def build(name: str, size: int = SIZE, classes: Classes = CLASSES, **changed: Any) -> Any:
    settings = small_settings("synthesis", name, **{**TRAINING, **METHOD_SETTINGS[name], **changed})
    return GeneratorSpec(method=name, settings=settings).build(classes=classes, size=size, runtime=runtime())


def initialise(name: str, folder: Path, **changed: Any) -> Any:
    return build(name, **changed).initialise_training(data(), job(folder))


def fit(name: str, folder: Path, seed: int = 7, **changed: Any) -> Any:
    generator = build(name, **changed)
    generator.fit(data(), job(folder, seed))
    return generator
