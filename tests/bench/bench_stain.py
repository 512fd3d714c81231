"""Speed of stain normalisers; part of `make bench`."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer, NumpyReinhardNormalizer
from torchstain.torch.normalizers import TorchMacenkoNormalizer, TorchReinhardNormalizer

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


def in_alternation(tasks: Mapping[str, Callable[[], object]], images: int) -> dict[str, float]:
    """Return the images per second of each task, medians of REPEATS rounds after a first one that does not count."""
    durations: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(REPEATS + 1):
        for name, task in tasks.items():
            start_s = time.perf_counter()
            task()
            durations[name].append(time.perf_counter() - start_s)
    return {name: images / statistics.median(seconds[1:]) for name, seconds in durations.items()}


def generators(runtime: Runtime) -> dict[str, float]:
    """Return the images per second of each generator alone, measured in alternation."""
    networks = {
        "U-Net": UNetGenerator(SIZE, WIDTH, "transposed", True),
        "ResNet, 9 blocks": ResnetGenerator(SIZE, WIDTH, 9),
    }
    batch = torch.zeros(8, 3, SIZE, SIZE, device=runtime.device)
    with torch.inference_mode():
        return in_alternation(
            {name: partial(network.to(runtime.device).eval(), batch) for name, network in networks.items()}, len(batch)
        )


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
    return in_alternation(
        {name: partial(normalizer.transform, images, to="a") for name, normalizer in normalizers.items()}, FULL_IMAGES
    )


def against_torchstain(folder: Path) -> dict[str, dict[str, float]]:
    """Return the images per second of Reinhard and Macenko and of torchstain's backends, one thread, in alternation.

    torchstain gets its default settings, tensors in its layout, and does not render single stains.
    """
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    images = domain_images(FULL_SIZE, FULL_IMAGES)
    a, b = (Images(images[domain], np.array(LABELS[:FULL_IMAGES])) for domain in ("a", "b"))
    tensors = {domain: torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous() for domain, batch in images.items()}
    rates = {}
    for method, with_numpy, with_torch, options in (
        ("reinhard", NumpyReinhardNormalizer(), TorchReinhardNormalizer(), {}),
        ("macenko", NumpyMacenkoNormalizer(), TorchMacenkoNormalizer(), {"stains": False}),
    ):
        normalizer = spec_of(method).build(size=FULL_SIZE, runtime=runtime)
        normalizer.fit(StainData(a, b, None), FitJob(runtime, folder / method, folder / f"{method}.jsonl", 1, 1))
        with_numpy.fit(images["a"][0])
        with_torch.fit(tensors["a"][0])
        tasks = {
            "hemabalance": partial(normalizer.transform, images["b"], to="a"),
            "torchstain numpy": partial(normalize_each, with_numpy, images["b"], options),
            "torchstain torch": partial(normalize_each, with_torch, tensors["b"], options),
        }
        with threadpool_limits(1):
            rates[method] = in_alternation(tasks, FULL_IMAGES)
    return rates


def normalize_each(normalizer: Any, images: Iterable[Any], options: Mapping[str, bool]) -> None:
    for image in images:
        normalizer.normalize(image, **options)


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
    with tempfile.TemporaryDirectory() as name:
        by_method = against_torchstain(Path(name))
    print(f"transform, {FULL_IMAGES} images of {FULL_SIZE} px, 1 thread, default settings, images/s:")
    for method, speeds in by_method.items():
        ratio = speeds["hemabalance"] / max(speeds["torchstain numpy"], speeds["torchstain torch"])
        listed = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
        print(f"  {method}: {listed}; {ratio:.1f} times as fast as the better backend")
