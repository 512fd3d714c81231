"""Images of two stains with known colours and amounts, and the classical normalisers built and fitted on them."""

from pathlib import Path
from typing import Any

import numpy as np

from helpers.method_settings import small_settings
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import StainData
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images

SIZE = 48
RUNTIME = start(device="cpu", precision="32", devices=1, seed=0, threads=1)

STAINS = {
    "a": np.array(((0.55, 0.80, 0.24), (0.40, 0.70, 0.59))),
    "b": np.array(((0.33, 0.93, 0.14), (0.55, 0.72, 0.42))),
}
LIGHT = {"white": (255, 255, 255), "peach": (254, 229, 204), "grey": (245, 240, 238)}

METHODS = ("none", "reinhard", "macenko", "vahadane")


def amounts(seed: int) -> np.ndarray:
    """Amounts (2, SIZE, SIZE) of two stains: a nucleus overlapping cytoplasm, red cells, and empty background."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2 + rng.uniform(-4, 4, (2, 1, 1))
    distance, stain_amounts = np.hypot(down, across), np.zeros((2, SIZE, SIZE))
    stain_amounts[1] = rng.uniform(0.6, 1.2) * (
        (distance < SIZE * 0.32) & (distance > SIZE * 0.18) | (distance > SIZE * 0.55)
    )
    stain_amounts[0] = rng.uniform(1.2, 1.8) * (distance < SIZE * 0.22)
    return stain_amounts * rng.uniform(0.8, 1.0, stain_amounts.shape)


def rendered(stain_amounts: np.ndarray, stains: np.ndarray, light: tuple[int, int, int]) -> np.ndarray:
    """The photograph, uint8 (SIZE, SIZE, 3), of stain amounts by the Beer-Lambert law."""
    unit = stains / np.linalg.norm(stains, axis=1, keepdims=True)
    image: np.ndarray = np.rint(np.array(light) * np.exp(-np.tensordot(stain_amounts, unit, (0, 0)))).astype(np.uint8)
    return image


def photographs(domain: str, light: str, seeds: range) -> np.ndarray:
    return np.stack([rendered(amounts(seed), STAINS[domain], LIGHT[light]) for seed in seeds])


def domains(light_a: str = "peach", light_b: str = "grey") -> StainData:
    a, b = photographs("a", light_a, range(12)), photographs("b", light_b, range(100, 110))
    return StainData(Images(a, np.array(["basophil", "monocyte"] * 6)), Images(b, np.array(["monocyte"] * 10)), None)


def job(folder: Path, threads: int = 1) -> FitJob:
    return FitJob(RUNTIME, folder / "state", folder / "history.jsonl", threads=threads, seed=5)


def built(name: str, **changed: Any) -> Any:
    settings = small_settings("stain", name, **changed)
    return NormalizerSpec(method=name, settings=settings).build(size=SIZE, runtime=RUNTIME)


def fitted(name: str, folder: Path, data: StainData | None = None, threads: int = 1, **changed: Any) -> Any:
    normalizer = built(name, **changed)
    normalizer.fit(domains() if data is None else data, job(folder, threads))
    return normalizer
