"""Speed of stain normalisers; part of `make bench`."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hemabalance.gpu_check.examples import ExampleTeacher
from hemabalance.methods import method_names, settings_class
from hemabalance.networks.resnet_generator import ResnetGenerator
from hemabalance.networks.unet import UNetGenerator
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import StainData
from hemabalance.training.device import Runtime, start
from hemabalance.training.job import FitJob, Images

SIZE, IMAGES, REPEATS, WIDTH = 128, 64, 3, 32
FULL_SIZE, FULL_IMAGES = 256, 8
LABELS = ["eosinophil", "lymphocyte", "monocyte", "neutrophil"] * (IMAGES // 4)


def domain_images(size: int = SIZE, count: int = IMAGES) -> dict[str, np.ndarray]:
    cells = sample_cells(LABELS[:count], seed=1, first_index=0)
    return {domain: render(cells, domain, shape=(size, size), nuisance=True, threads=2) for domain in ("a", "b")}


def spec_of(method: str) -> NormalizerSpec:
    """Settings of the full run with small networks that fit in seconds: speed does not depend on the weights."""
    fields = settings_class("stain", method).model_fields
    small = {"width": WIDTH, "critic_width": 4, "critic_layers": 1, "steps": 1, "batch": 1, "log_every": 1}
    small["average_decay"] = 0.0
    supported = {name: value for name, value in small.items() if name in fields}
    return NormalizerSpec.from_plain({"method": method, "settings": supported})


def rate(method: str, rendered: dict[str, np.ndarray], runtime: Runtime, folder: Path) -> float:
    """Return the images per second transformed from domain b to domain a, median of REPEATS."""
    labels = np.array(LABELS)
    domains = [Images(rendered[domain], labels) for domain in ("a", "b")]
    data = StainData(*domains, (rendered["a"], rendered["b"]), ExampleTeacher())
    normalizer = spec_of(method).build(size=SIZE, runtime=runtime)
    normalizer.fit(data, FitJob(runtime, folder / method, folder / f"{method}.jsonl", 2, 1))
    durations = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        normalizer.transform(rendered["b"], to="a")
        durations.append(time.perf_counter() - start_s)
    return IMAGES / statistics.median(durations)


def generators(runtime: Runtime) -> dict[str, float]:
    """Return the images per second of each generator alone, measured in alternation."""
    networks = {
        "U-Net": UNetGenerator(SIZE, WIDTH, "transposed", True),
        "ResNet, 9 blocks": ResnetGenerator(SIZE, WIDTH, 9),
    }
    batch = torch.zeros(8, 3, SIZE, SIZE, device=runtime.device)
    durations: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        for _ in range(REPEATS + 1):
            for name, network in networks.items():
                start_s = time.perf_counter()
                network.to(runtime.device).eval()(batch)
                durations[name].append(time.perf_counter() - start_s)
    return {name: len(batch) / statistics.median(seconds[1:]) for name, seconds in durations.items()}


def at_full_settings(folder: Path) -> dict[str, float]:
    """Return the images per second of StainNet and its usual teacher, default settings, one thread, in alternation."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    images = domain_images(FULL_SIZE, FULL_IMAGES)["b"]
    data = StainData(*[Images(images[:2], np.array(LABELS[:2]))] * 2, None, ExampleTeacher())
    short = {"steps": 1, "batch": 1}
    gan = {**short, "critic_width": 4, "average_decay": 0.0}
    normalizers = {}
    for name, method, settings in (
        ("stainnet", "stainnet", short),
        ("wcyclegan_gp", "wcyclegan_gp", gan),
        ("wcyclegan_gp of width 16", "wcyclegan_gp", gan | {"width": 16}),
    ):
        spec = NormalizerSpec.from_plain({"method": method, "settings": settings})
        normalizers[name] = spec.build(size=FULL_SIZE, runtime=runtime)
        normalizers[name].fit(data, FitJob(runtime, folder / name, folder / f"{name}.jsonl", 1, 1))
    durations: dict[str, list[float]] = {name: [] for name in normalizers}
    for _ in range(REPEATS + 1):
        for name, normalizer in normalizers.items():
            start_s = time.perf_counter()
            normalizer.transform(images, to="a")
            durations[name].append(time.perf_counter() - start_s)
    return {name: FULL_IMAGES / statistics.median(seconds[1:]) for name, seconds in durations.items()}


def bench_transform() -> None:
    """Print the images per second of `transform` for every method, and of the two generators."""
    rendered, runtime = domain_images(), start(device="cpu", precision="32", devices=1, seed=1, threads=2)
    with tempfile.TemporaryDirectory() as name:
        print(f"transform, {IMAGES} images of {SIZE} px, 2 threads, networks of width {WIDTH}, images/s:")
        for method in method_names("stain"):
            print(f"  {method}: {rate(method, rendered, runtime, Path(name)):.0f}")
    speeds = generators(runtime)
    print("  generators alone: " + ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items()))
    print(f"  U-Net is {speeds['U-Net'] / speeds['ResNet, 9 blocks']:.1f} times as fast")
    with tempfile.TemporaryDirectory() as name:
        rates = at_full_settings(Path(name))
    print(f"transform, {FULL_IMAGES} images of {FULL_SIZE} px, 1 thread, default settings, images/s:")
    for name, images_per_s in rates.items():
        print(f"  {name}: {images_per_s:.1f}; stainnet is {rates['stainnet'] / images_per_s:.1f} times as fast")
