"""The synthesis of a laboratory with classes of its own: real images, generators, their gate and measurements."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.fake_networks import PixelDistance, quadrant_means
from helpers.method_settings import small_settings
from helpers.small_trainings import cpu
from hemabalance.classes import UNLABELLED
from hemabalance.config.draws import DrawsConfig
from hemabalance.config.gate import GateSettings
from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.splits import draws
from hemabalance.protocols import Protocol
from hemabalance.synthesis.data import RealImageSource
from hemabalance.synthesis.evaluate import EvaluationSettings
from hemabalance.synthesis.fit import GeneratorPaths, OtherNetworks, fit_generator
from hemabalance.synthesis.fit_judge import fit_judge
from hemabalance.synthesis.generate import GeneratedPaths, ImageRequest, StoredGenerator, generate_images
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.measure import GeneratorOutput, RunClasses, measure_generator
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.real_image_features import RealImageFeatures, select_real_images
from hemabalance.synthesis.real_image_measurement import compute_real_image_features
from hemabalance.training.classifier import Classifier
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

CLASSES = ("blast", "hairy_cell", "mott_cell", "sezary_cell")
SIZE = 16
FEW = 40
"""Images that no source has labelled."""
JUDGE = SmallClassifierSettings(
    width=4, batch=4, steps=4, lr=0.01, colour_strength=0.2, memory_budget=1 << 20, log_every=1, checkpoint_every=4
)
REQUEST = ImageRequest(
    draws=DrawsConfig(target_per_class=40, least=6, most_times=1.0),
    gate=GateSettings(confidence=0.1, neighbours=3, copy_quantile=0.01),
)
EVALUATION = EvaluationSettings(neighbours=3, max_images=10, kid_subset=4, resamples=10, pairs=4)
WIDTH = 2048


@dataclass
class Laboratory:
    """Real images with their split, and what judges them."""

    folder: Path
    source: RealImageSource
    real: RealImageFeatures
    judges: Judges


def features(images: np.ndarray) -> np.ndarray:
    """Substitute for Inception, of its width."""
    return np.pad(quadrant_means(images), ((0, 0), (0, WIDTH - 12)))


def job(folder: Path) -> FitJob:
    folder.mkdir(exist_ok=True)
    return FitJob(cpu(seed=3), folder / "state", folder / "history.jsonl", threads=1, seed=3)


def build_laboratory(folder: Path, counts: Mapping[str, int], protocol: Protocol = "leak_free") -> Laboratory:
    """Images of each class, of which every fourth is a test image, and unlabelled images in all parts."""
    images, split = _images(folder, {**counts, UNLABELLED: FEW}, protocol)
    source = RealImageSource(images, split, protocol, threads=1)
    fit_judge(
        source, CLASSES, SIZE, JUDGE, job(folder / "judge"),
        weights=folder / "judge" / "weights", training=folder / "judge" / "t.json", seen=folder / "judge_seen.parquet",
    )  # fmt: skip
    perceptual: Any = PixelDistance()
    judges = Judges(features, perceptual, Classifier(folder / "judge" / "weights", cpu().device))
    rows = select_real_images(split, protocol, CLASSES, references=8, measured=10, seed=1)
    real = compute_real_image_features(rows, source.read(rows, SIZE).pixels, features, perceptual)
    return Laboratory(folder, source, real, judges)


def _images(folder: Path, counts: Mapping[str, int], protocol: Protocol) -> tuple[ImageSet, pd.DataFrame]:
    rows = [(f"mine/{label}/{k:03}", label) for label in sorted(counts) for k in range(counts[label])]
    table = pd.DataFrame(rows, columns=["image_id", "label"], dtype="str")
    rng, levels = np.random.default_rng(5), {label: 40 + 40 * k for k, label in enumerate(sorted(counts))}
    pixels = [(rng.integers(0, 90, (SIZE, SIZE, 3)) + levels[label] // 2).astype(np.uint8) for _, label in rows]
    table = table.assign(source="mine", origin="real", provenance="{}").astype("str")
    write_image_set(folder / "real.zip", folder / "real.parquet", table, pixels, threads=1)
    split = table[["image_id", "source", "label"]].assign(group_id=table["image_id"])
    split["draw"] = draws(split["group_id"], seed=1)
    place = table.groupby("label").cumcount() % 4
    split["part"] = place.map({0: "train", 1: "train", 2: "validation", 3: "test"})
    if protocol == "thesis":
        split["part"] = "pool"
    return ImageSet(folder / "real.zip", folder / "real.parquet"), split.astype({"part": "str"})


def config_of(method: str, serves: Serves) -> GeneratorConfig:
    spec = GeneratorSpec(method=method, settings=small_settings("synthesis", method))
    return GeneratorConfig(spec=spec, serves=serves, size=SIZE, run_classes=CLASSES)


def run_generator(laboratory: Laboratory, name: str, config: GeneratorConfig, roles: RolesConfig) -> Path:
    """Train, sample, gate and measure a generator as the rules do; returns the folder with all its files."""
    folder, source = laboratory.folder / name, laboratory.source
    fitted = job(folder)
    paths = GeneratorPaths(
        weights=folder / "weights.safetensors", training=folder / "training.json", seen=folder / "seen.parquet",
        snapshots=folder / "snapshots.zip", snapshot_index=folder / "snapshots.parquet",
    )  # fmt: skip
    fit_generator(name, config, roles, source, OtherNetworks(), fitted, paths)
    generate_images(
        StoredGenerator(name, config, roles, paths.weights, fitted.runtime), source, laboratory.real, laboratory.judges,
        REQUEST,
        GeneratedPaths(
            images=folder / "images.zip", index=folder / "images.parquet", gate=folder / "gate.parquet",
            summary=folder / "gate.json", features=folder / "features.safetensors", seen=folder / "gate_seen.parquet",
        ),
    )  # fmt: skip
    with open_set(folder, "images") as images, open_set(folder, "snapshots") as snapshots:
        measured = measure_generator(
            GeneratorOutput(images, folder / "features.safetensors", snapshots), source, laboratory.real,
            laboratory.judges, EVALUATION, run_classes=RunClasses(CLASSES, config.serves, roles), copy_quantile=0.01,
            seed=1,
        )  # fmt: skip
    measured.write(metrics=folder / "metrics.json", neighbours=folder / "neighbours.parquet")
    return folder


def open_set(folder: Path, name: str) -> ImageSet:
    return ImageSet(folder / f"{name}.zip", folder / f"{name}.parquet")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
