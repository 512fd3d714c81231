"""Part 3: our step of a classifier beside timm's own parts for the same network, and augmentation on the device."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hemabalance.classify.augment import Strengths, augment
from hemabalance.classify.methods.timm.method import TIMM_NAMES
from hemabalance.classify.settings import NetworkSettings
from hemabalance.gpu_check.cases import PER_CLASS, TrainingCase
from hemabalance.gpu_check.examples import example_images
from hemabalance.gpu_check.speed import Effort
from hemabalance.gpu_check.steps import Machine, take_steps, wait
from hemabalance.sources.phantom.species import CELL_TYPES
from hemabalance.torchvision_compat import make_torchvision_importable
from hemabalance.training.device import Runtime

make_torchvision_importable()

import timm  # noqa: E402
from timm.data.transforms_factory import create_transform  # noqa: E402
from timm.loss.cross_entropy import LabelSmoothingCrossEntropy  # noqa: E402
from timm.optim._optim_factory import create_optimizer_v2  # noqa: E402
from timm.utils.model_ema import ModelEmaV3  # noqa: E402

AUGMENTED = 32
"""Images whose augmentation is timed on one CPU core with timm's transforms."""


def timm_name(case: TrainingCase) -> str | None:
    """The name of the same network in timm; None if there is none."""
    plain = case.settings.plain
    if case.method == "senet154":
        return None if plain["gather_excite"] else "legacy_senet154"
    architecture: str | None = plain.get("architecture")
    return None if architecture is None else TIMM_NAMES.get(architecture, architecture)


def peer_row(case: TrainingCase, precision: str, machine: Machine, effort: Effort) -> dict[str, Any]:
    """Steps of both in alternation, each with reading or transferring its images, on the same batch size.

    Ours reads uint8 images on the device and augments them there. timm's gets a batch in pinned memory, as its
    loader returns it, transfers it and normalises it; the augmentation, which it does in other processes, is not
    counted.

    Returns:
        JSON values: `batch, precision, our_ms, timm_ms` (medians of a step)`, ratio` (of throughput, median of the
        ratios of neighbouring steps).

    Raises:
        ValueError: timm does not have the network.
    """
    name = timm_name(case)
    if name is None:
        raise ValueError(f"timm has no network of {case.name}")
    job = machine.job(precision)
    training = case.training(job)
    settings = case.settings
    assert isinstance(settings, NetworkSettings)
    theirs = _timm_step_with_transfer(name, settings, job.runtime)
    our_times, timm_times = [], []
    for k in range(effort.warm_up + effort.max_steps):
        begin = time.perf_counter()
        take_steps(training, job.runtime, 1)
        middle = time.perf_counter()
        theirs()
        wait(job.runtime.device)
        if k >= effort.warm_up:
            our_times.append(middle - begin)
            timm_times.append(time.perf_counter() - middle)
        if len(our_times) >= 2 and sum(our_times) > effort.seconds:
            break
    ratio = statistics.median(theirs_s / ours_s for ours_s, theirs_s in zip(our_times, timm_times, strict=True))
    return {
        "batch": case.batch,
        "precision": precision,
        "our_ms": 1000 * statistics.median(our_times),
        "timm_ms": 1000 * statistics.median(timm_times),
        "ratio": ratio,
    }


def make_timm_step(name: str, settings: NetworkSettings, runtime: Runtime) -> Callable[[Tensor, Tensor], None]:
    """A step of a network with forward, backward, optimiser and average as in timm's train.py.

    Args:
        name: of the network in timm.
        settings: of the training.
        runtime: device and precision.

    Returns:
        A function of images, float32 (n, 3, side, side), and targets, int64 (n,), on the device.
    """
    device = runtime.device
    torch.manual_seed(1)
    model: Any = timm.create_model(name, num_classes=len(CELL_TYPES), drop_rate=settings.drop_rate).to(device)
    model.to(memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=settings.lr, weight_decay=settings.weight_decay)
    average = ModelEmaV3(model, decay=settings.average_decay)
    loss_of = LabelSmoothingCrossEntropy(settings.label_smoothing)  # type: ignore[no-untyped-call]

    def step(images: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=runtime.precision == "bf16"):
            loss = loss_of(model(images), targets)
        loss.backward()
        optimizer.step()
        average.update(model)

    return step


def _timm_step_with_transfer(name: str, settings: NetworkSettings, runtime: Runtime) -> Callable[[], None]:
    """The same with the transfer and normalisation of a batch in pinned memory."""
    device, side = runtime.device, settings.input_size
    step = make_timm_step(name, settings, runtime)
    host = torch.randint(0, 256, (settings.batch, 3, side, side), dtype=torch.uint8)
    targets = torch.randint(len(CELL_TYPES), (settings.batch,))
    if device.type == "cuda":
        host, targets = host.pin_memory(), targets.pin_memory()

    def transfer_and_step() -> None:
        images = host.to(device, non_blocking=True).float().div_(127.5).sub_(1)
        images = images.contiguous(memory_format=torch.channels_last)
        step(images, targets.to(device, non_blocking=True))

    return transfer_and_step


def augmentation_row(case: TrainingCase, machine: Machine, effort: Effort) -> dict[str, Any]:
    """Time to augment an image: our augmentations on the device, and timm's training transforms on one CPU core.

    Returns:
        JSON values: `batch, our_us` (an image on the device)`, timm_us` (an image on one CPU core)`, ratio`.
    """
    runtime, settings = machine.job().runtime, case.settings
    assert isinstance(settings, NetworkSettings)
    strengths = Strengths(settings.rotate, settings.colour_strength, settings.blur_strength)
    pixels = example_images(CELL_TYPES, PER_CLASS, case.size, 1).pixels
    batch = torch.from_numpy(np.array(pixels[: case.batch])).to(runtime.device)
    images: Tensor = batch.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
    generator = runtime.generator("augmentation")
    times = []
    for _ in range(effort.warm_up + effort.max_steps):
        wait(runtime.device)
        begin = time.perf_counter()
        augment(images, strengths, generator)
        wait(runtime.device)
        times.append(time.perf_counter() - begin)
    ours = statistics.median(times[effort.warm_up :]) / len(images)
    transform = create_transform(case.size, is_training=True, color_jitter=settings.colour_strength)
    photographs = [Image.fromarray(image) for image in pixels[:AUGMENTED]]
    begin = time.perf_counter()
    for photograph in photographs:
        transform(photograph)
    theirs = (time.perf_counter() - begin) / len(photographs)
    return {"batch": len(images), "our_us": 1e6 * ours, "timm_us": 1e6 * theirs, "ratio": theirs / ours}
