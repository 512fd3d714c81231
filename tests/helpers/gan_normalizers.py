"""Small data for the GAN normalisers, and normalisers built, initialised and fitted on it."""

from pathlib import Path
from typing import Any

import numpy as np

from helpers.method_settings import small_settings
from hemabalance.gpu_check.examples import ExampleTeacher
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import StainData
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images

SIZE = 16
TRAINING: dict[str, Any] = {"lr": 2e-3, "betas": (0.5, 0.9)}
METHOD_SETTINGS: dict[str, dict[str, Any]] = {
    "wcyclegan_gp": {"up": "transposed", "adversarial_weight": 1.0},
    "cyclegan": {},
    "staingan": {},
    "pix2pix": {"up": "resize"},
}
"""Settings of a method that differ from `small_settings` and its defaults."""


def disc_images(count: int, background: tuple[int, int, int], seed: int, size: int = SIZE) -> np.ndarray:
    """Dark discs on a coloured background, uint8 (count, size, size, 3)."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:size, 0:size]
    centre = rng.uniform(size * 0.35, size * 0.65, (2, count, 1, 1))
    disc = np.hypot(down - centre[0], across - centre[1]) < size * 0.25
    images = np.where(disc[..., None], np.array(background) // 2, background) + rng.integers(-9, 10, (*disc.shape, 3))
    return images.clip(0, 255).astype(np.uint8)


def data(size: int = SIZE) -> StainData:
    a, b = disc_images(8, (230, 170, 190), 1, size), disc_images(6, (150, 160, 210), 2, size)
    cells = disc_images(6, (230, 170, 190), 3, size)
    labels_a = np.array(["basophil"] * 6 + ["monocyte"] + ["platelet"])
    b_images = Images(b, np.array(["monocyte", "basophil"] * 3))
    return StainData(Images(a, labels_a), b_images, (cells, 255 - cells), ExampleTeacher())


def job(folder: Path, seed: int = 7) -> FitJob:
    runtime = start(device="cpu", precision="32", devices=1, seed=seed, threads=1)
    return FitJob(runtime, folder / "state", folder / "history.jsonl", threads=1, seed=seed)


def built(name: str, size: int = SIZE, **changed: Any) -> Any:
    runtime = start(device="cpu", precision="32", devices=1, seed=7, threads=1)
    settings = small_settings("stain", name, **{**TRAINING, **METHOD_SETTINGS[name], **changed})
    return NormalizerSpec(method=name, settings=settings).build(size=size, runtime=runtime)


def initialise(name: str, folder: Path, **changed: Any) -> Any:
    return built(name, **changed).initialise_training(data(), job(folder))


def fitted(name: str, folder: Path, seed: int = 7, **changed: Any) -> Any:
    normalizer = built(name, **changed)
    normalizer.fit(data(), job(folder, seed))
    return normalizer
