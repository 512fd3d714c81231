"""Small labelled images, and every model that can be trained on them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.method_settings import small_settings
from helpers.thesis import CLASSES
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import ModelData
from hemabalance.metrics import imagenet_weights
from hemabalance.metrics.imagenet_features import build_without_weights
from hemabalance.metrics.pinned_tensors import digest, write_pinned
from hemabalance.training.device import Runtime, start
from hemabalance.training.job import FitJob, Images

SIZE = 16
LEVELS = {"basophil": 60, "monocyte": 130, "platelet": 200}
TRAINING: dict[str, Any] = {
    "batch": 6,
    "lr": 5e-3,
    "weight_decay": 0.02,
    "warmup_share": 0.2,
    "balanced": True,
    "rotate": 0.5,
    "blur_strength": 0.5,
    "log_every": 3,
}
"""Settings of networks that differ from `small_settings` and the defaults."""
NEURAL: dict[str, tuple[str, dict[str, Any]]] = {
    "senet154_ge": ("senet154", {**TRAINING, "extent": 2}),
    "senet154": ("senet154", {**TRAINING, "extent": 2, "gather_excite": False}),
    "efficientnet_b0": ("timm", {**TRAINING, "architecture": "efficientnet_b0"}),
    "sequential_cnn": ("sequential_cnn", TRAINING),
}
STATISTICAL: dict[str, tuple[str, dict[str, Any]]] = {
    "naive_bayes": ("naive_bayes", {"side": 4, "var_smoothing": 1e-9}),
    "logistic": ("logistic", {"imagenet_file": "mobilenet.safetensors", "C": 1.0}),
}
MODELS = {**NEURAL, **STATISTICAL}
"""Name -> method, and its settings that differ from `small_settings` and the defaults."""


def images(counts: dict[str, int], seed: int, size: int = SIZE) -> Images:
    """Noise around one grey level per class."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.array(list(counts), dtype=str), list(counts.values()))
    levels = np.array([LEVELS[label] for label in labels]).reshape(-1, 1, 1, 1)
    return Images((levels + rng.integers(-40, 41, (len(labels), size, size, 3))).astype(np.uint8), labels)


def data(size: int = SIZE) -> ModelData:
    """Images of three of the twelve classes."""
    train = images({"basophil": 6, "monocyte": 9, "platelet": 4}, 1, size)
    return ModelData(train, images({"basophil": 3, "monocyte": 3, "platelet": 2}, 2, size))


def no_images() -> Images:
    return Images(np.empty((0, SIZE, SIZE, 3), np.uint8), np.empty(0, dtype=str))


def runtime(seed: int = 7, precision: str = "32") -> Runtime:
    return start(device="cpu", precision=precision, devices=1, seed=seed, threads=1)


def job(folder: Path, seed: int = 7, precision: str = "32") -> FitJob:
    return FitJob(runtime(seed, precision), folder / "state", folder / "history.jsonl", threads=1, seed=seed)


def build(name: str, size: int = SIZE, **changed: Any) -> Any:
    method, settings = MODELS[name]
    spec = ModelSpec(method=method, settings=small_settings("classify", method, **{**settings, **changed}))
    return spec.build(classes=CLASSES, size=size, runtime=runtime())


def random_imagenet_weights(folder: Path) -> tuple[Path, str]:
    """A file of random weights in the place of the ImageNet weights, and their digest."""
    rng = np.random.default_rng(3)
    tensors = {}
    for name, value in build_without_weights().state_dict().items():
        if value.dtype == torch.int64:
            tensors[name] = np.zeros((), np.int64)
        elif name.endswith(("running_var", "1.weight")) or value.ndim == 1:
            tensors[name] = np.full(value.shape, name.endswith(("var", "weight")), np.float32)
        else:
            spread = np.sqrt(2 / value[0].numel())
            tensors[name] = rng.normal(0, spread, tuple(value.shape)).astype(np.float32)
    write_pinned(folder / "mobilenet.safetensors", tensors, imagenet_weights.WEIGHTS.packaged_file.source)
    return folder / "mobilenet.safetensors", digest(tensors)
