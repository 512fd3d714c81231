"""Training of classifiers: our step against timm's own parts for the same network and batch, and what images cost."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hemabalance.classify import classifier_training as learning_module
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import ModelData
from hemabalance.classify.settings import NetworkSettings
from hemabalance.methods import settings_class
from hemabalance.taxonomy import CLASSES
from hemabalance.torchvision_compat import make_torchvision_importable
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images

make_torchvision_importable()

import timm  # noqa: E402
from timm.loss import LabelSmoothingCrossEntropy  # noqa: E402
from timm.optim import create_optimizer_v2  # noqa: E402
from timm.utils import ModelEmaV3  # noqa: E402

SIZE, BATCH, STEPS = 64, 16, 24
SHORT = {"batch": BATCH, "steps": STEPS, "validate_every": STEPS, "log_every": STEPS, "checkpoint_every": STEPS}


def timms_step(settings: NetworkSettings) -> Callable[[Tensor, Tensor], None]:
    """Forward, backward, optimiser and average as timm's train.py puts them together."""
    torch.manual_seed(1)
    model = timm.create_model("resnet50", num_classes=len(CLASSES), drop_rate=settings.drop_rate)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=settings.lr, weight_decay=settings.weight_decay)
    average = ModelEmaV3(model, decay=settings.average_decay)
    loss_of = LabelSmoothingCrossEntropy(settings.label_smoothing)

    def step(images: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        loss_of(model(images), targets).backward()
        optimizer.step()
        average.update(model)

    return step


def bench_classify() -> None:
    """Prints our images a second over timm's, step by step in turns, and the share of a step that images take."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    rng = np.random.default_rng(1)
    labels = np.array(CLASSES)[rng.integers(len(CLASSES), size=256)]
    images = Images(rng.integers(0, 256, (256, SIZE, SIZE, 3), np.uint8), labels)
    held = Images(images.pixels[:BATCH], labels[:BATCH])
    settings = settings_class("classify", "timm")(architecture="resnet50", input_size=SIZE, **SHORT)
    assert isinstance(settings, NetworkSettings)
    theirs = timms_step(settings)
    drawn: list[float] = []
    ours: list[float] = []
    timms: list[float] = []
    prepare = learning_module.augment

    def timed(pixels: Tensor, strengths: Any, generator: torch.Generator) -> Tensor:
        began = time.perf_counter()
        made = prepare(pixels, strengths, generator)
        drawn.append(time.perf_counter() - began)
        return made

    def step(self: Any, original: Callable[[Any], Any] = learning_module.ClassifierTraining.step) -> Any:
        began = time.perf_counter()
        losses = original(self)
        ours.append(time.perf_counter() - began)
        batch = torch.from_numpy(images.pixels[:BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
        targets = torch.randint(len(CLASSES), (BATCH,))
        began = time.perf_counter()
        theirs(batch.contiguous(memory_format=torch.channels_last), targets)
        timms.append(time.perf_counter() - began)
        return losses

    learning_module.augment, original_step = timed, learning_module.ClassifierTraining.step
    learning_module.ClassifierTraining.step = step  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            job = FitJob(runtime, Path(folder) / "state", Path(folder) / "history.jsonl", 1, 1)
            model = ModelSpec(method="timm", settings=settings).build(classes=CLASSES, size=SIZE, runtime=runtime)
            model.fit(ModelData(images, held), job)
    finally:
        learning_module.augment, learning_module.ClassifierTraining.step = prepare, original_step  # type: ignore[method-assign]
    skipped = slice(3, -1)  # the first steps, and the last, which validates
    ratio = statistics.median(b / a for a, b in zip(ours[skipped], timms[skipped], strict=True))
    share = statistics.median(d / o for d, o in zip(drawn[skipped], ours[skipped], strict=True))
    print(
        f"classifier, resnet50, {BATCH} images of {SIZE} px, 1 thread: {ratio:.2f} times timm's throughput "
        f"({1000 * statistics.median(ours[skipped]):.0f} ms a step with images, average and checks, against "
        f"{1000 * statistics.median(timms[skipped]):.0f} ms without images); augmentation {100 * share:.1f} % of a step"
    )


if __name__ == "__main__":
    bench_classify()
