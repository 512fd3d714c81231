"""Training of classifiers: a step compared with timm's own parts for the same network, and the cost of images."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.thesis import CLASSES
from hemabalance.classify import classifier_training
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import ModelData
from hemabalance.classify.settings import NetworkSettings
from hemabalance.gpu_check.peers import make_timm_step
from hemabalance.methods import settings_class
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images

SIZE, BATCH, STEPS = 64, 16, 24
SHORT = {"batch": BATCH, "steps": STEPS, "validate_every": STEPS, "log_every": STEPS, "checkpoint_every": STEPS}


def bench_classify() -> None:
    """Print the throughput relative to timm's, step by step in alternation, and the share of image augmentation."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    rng = np.random.default_rng(1)
    labels = np.array(CLASSES)[rng.integers(len(CLASSES), size=256)]
    images = Images(rng.integers(0, 256, (256, SIZE, SIZE, 3), np.uint8), labels)
    held_back = Images(images.pixels[:BATCH], labels[:BATCH])
    settings = settings_class("classify", "timm")(architecture="resnet50", input_size=SIZE, **SHORT)
    assert isinstance(settings, NetworkSettings)
    timm_step = make_timm_step("resnet50", settings, runtime)
    augmentation_times: list[float] = []
    our_times: list[float] = []
    timm_times: list[float] = []
    augment = classifier_training.augment

    def timed(pixels: Tensor, strengths: Any, generator: torch.Generator) -> Tensor:
        start_s = time.perf_counter()
        augmented = augment(pixels, strengths, generator)
        augmentation_times.append(time.perf_counter() - start_s)
        return augmented

    def step(self: Any, original: Callable[[Any], Any] = classifier_training.ClassifierTraining.step) -> Any:
        start_s = time.perf_counter()
        losses = original(self)
        our_times.append(time.perf_counter() - start_s)
        batch = torch.from_numpy(images.pixels[:BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
        targets = torch.randint(len(CLASSES), (BATCH,))
        start_s = time.perf_counter()
        timm_step(batch.contiguous(memory_format=torch.channels_last), targets)
        timm_times.append(time.perf_counter() - start_s)
        return losses

    classifier_training.augment, original_step = timed, classifier_training.ClassifierTraining.step
    classifier_training.ClassifierTraining.step = step  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            job = FitJob(runtime, Path(folder) / "state", Path(folder) / "history.jsonl", 1, 1)
            model = ModelSpec(method="timm", settings=settings).build(classes=CLASSES, size=SIZE, runtime=runtime)
            model.fit(ModelData(images, held_back), job)
    finally:
        classifier_training.augment, classifier_training.ClassifierTraining.step = augment, original_step  # type: ignore[method-assign]
    counted = slice(3, -1)  # without the first steps, and the last one, which validates
    ratio = statistics.median(
        timm_s / our_s for our_s, timm_s in zip(our_times[counted], timm_times[counted], strict=True)
    )
    share = statistics.median(
        part / total for part, total in zip(augmentation_times[counted], our_times[counted], strict=True)
    )
    print(
        f"classifier, resnet50, {BATCH} images of {SIZE} px, 1 thread: {ratio:.2f} times timm's throughput "
        f"({1000 * statistics.median(our_times[counted]):.0f} ms a step with images, average and checks, against "
        f"{1000 * statistics.median(timm_times[counted]):.0f} ms without images); "
        f"augmentation {100 * share:.1f} % of a step"
    )


if __name__ == "__main__":
    bench_classify()
