"""A small run of the synthesis stage: real images, split, a simple generator, gate and evaluation."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from helpers.fake_networks import build_gate
from helpers.photographs import photograph
from hemabalance.config.draws import DrawsConfig
from hemabalance.config.gate import GateSettings
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.splits import draws
from hemabalance.protocols import Protocol
from hemabalance.report.synthesis.generator_results import GeneratorResult
from hemabalance.synthesis.agreement_by_step import agreement_by_step
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.synthesis.evaluate import EvaluationSet, EvaluationSettings, evaluate
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.memorisation import memorisation
from hemabalance.synthesis.rejection_sampling import (
    GatedSamples,
    SampleProvenance,
    sample_until_accepted,
    write_gated_samples,
)
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.job import Images

SIZE = 32
BRIGHTNESS = {"basophil": 30, "monocyte": 90, "promyelocyte": 150}
CLASSES = tuple(BRIGHTNESS)
REAL = 14  # images per class; four of them are test images, except for promyelocytes


def class_image(label: str, seed: int) -> np.ndarray:
    """A smooth image with the brightness of its class, different for each seed."""
    return (photograph(seed, SIZE) // 5 + BRIGHTNESS[label]).astype(np.uint8)


class LightnessClassifier:
    """Classifies by the brightness of an image."""

    classes = CLASSES

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        brightness = images.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] - 25.5
        scores = np.exp(-np.abs(brightness - np.array(list(BRIGHTNESS.values()))) / 10)
        return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.array(CLASSES)[self.probabilities(images).argmax(axis=1)]


class FlatPixelDistance:
    """Substitute for LPIPS: mean squared pixel difference."""

    device = torch.device("cpu")

    def embed(self, images: np.ndarray) -> np.ndarray:
        flat = images.reshape(len(images), -1).astype(np.float32) / 255
        return flat / np.float32(np.sqrt(flat.shape[1]))

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((self.embed(a) - self.embed(b)) ** 2).sum(axis=1)


def corners(images: np.ndarray) -> np.ndarray:
    """Twelve features of each image, float32 (n, 12) in [0, 1]."""
    step = images.shape[1] // 2
    return images[:, ::step, ::step].reshape(len(images), 12).astype(np.float32) / 255


def sample_class(label: str, indices: Any) -> np.ndarray:
    """Generator: a copy at index 0, another class at every fifth index and noise at every seventh."""
    images = []
    for index in indices:
        other = CLASSES[CLASSES.index(label) - 1] if index % 5 == 1 else label
        pixels = class_image(other, (100 if index == 0 else 5000 + index) + 1000 * CLASSES.index(label))
        if index % 7 == 2:
            pixels = np.random.default_rng(index).integers(0, 255, pixels.shape, np.uint8)
        images.append(pixels)
    return np.stack(images)


def real_set(folder: Path) -> ImageSet:
    """Fourteen real images of each class."""
    rows, pixels = [], []
    for class_index, label in enumerate(CLASSES):
        for k in range(REAL):
            rows.append((f"mendeley/{label}/{k:02}", label))
            pixels.append(class_image(label, 100 + k + 1000 * class_index))
    table = pd.DataFrame(rows, columns=["image_id", "label"], dtype="str")
    table = table.assign(source="mendeley", origin="real", provenance="{}").astype({"source": "str"})
    paths = folder / "real.zip", folder / "real_images.parquet"
    write_image_set(*paths, table, pixels, threads=1)
    return ImageSet(*paths)


def split_of(image_set: ImageSet, protocol: Protocol) -> pd.DataFrame:
    """Split; under leak_free the last four images of each class, except promyelocytes, are test images."""
    rows = image_set.index[["image_id", "source", "label"]].reset_index(drop=True)
    rows = rows.assign(group_id=rows["image_id"], draw=draws(rows["image_id"], seed=1), part="pool")
    if protocol == "leak_free":
        last_four = rows.groupby("label").cumcount() >= REAL - 4
        rows["part"] = np.where(last_four & (rows["label"] != "promyelocyte"), "test", "train")
    return rows


@dataclass
class GeneratorRun:
    """Samples, images and results of one generator."""

    samples: GatedSamples
    copies: CopyDetector
    images: ImageSet
    snapshots: ImageSet
    agreement: list[dict[str, Any]]
    gate: dict[str, Any]


def parts(image_set: ImageSet, split: pd.DataFrame, classes: tuple[str, ...], part: str) -> tuple[Images, np.ndarray]:
    """Real images of the given classes in a part of the split, and their ids."""
    where = ((split["part"] == part) & split["label"].isin(classes)).to_numpy()
    rows = split[where]
    pixels = image_set.decode_all(threads=1, where=where)
    return Images(pixels, rows["label"].to_numpy(dtype=str)), rows["image_id"].to_numpy(dtype=str)


def training_part(split: pd.DataFrame) -> str:
    """The part of the split that training sees."""
    return "train" if (split["part"] == "train").any() else "pool"


def run_generator(
    folder: Path,
    name: str,
    classes: tuple[str, ...],
    image_set: ImageSet,
    split: pd.DataFrame,
    *,
    steps: int = 40,
    points: int = 4,
) -> GeneratorRun:
    """Sample and gate images of a generator of the given classes, and store its snapshots."""
    judge: Any = LightnessClassifier()
    perceptual: Any = FlatPixelDistance()
    train, ids = parts(image_set, split, classes, training_part(split))
    settings = GateSettings(confidence=0.4, neighbours=3, copy_quantile=0.01)
    gate = build_gate(train, ids, judge, corners, perceptual, settings, max_references=100, seed=1)
    draws_config = DrawsConfig(target_per_class=24, least=20, most_times=2.0)
    real_counts = {label: int((train.labels == label).sum()) for label in classes}
    samples = sample_until_accepted(sample_class, corners, gate, real_counts, draws_config)
    files = folder / f"{name}.zip", folder / f"{name}.parquet"
    write_gated_samples(samples, sample_class, SampleProvenance(name, "0" * 64, 1), *files, threads=1)
    recorder = Snapshots(classes, points=points, images_per_class=4, size=SIZE, steps=steps)
    for step in recorder.steps:
        for label in classes:
            blurred = sample_class(label, range(4)).astype(np.float32) * (step / steps)
            recorder.store(step, label, torch.from_numpy(blurred.transpose(0, 3, 1, 2) / 127.5 - 1))
    paths = folder / f"{name}_snapshots.zip", folder / f"{name}_snapshots.parquet"
    recorder.write(*paths, generator=name, threads=1)
    snapshots = ImageSet(*paths)
    agreement = json.loads(json.dumps(agreement_by_step(snapshots, judge, threads=1), allow_nan=False))
    return GeneratorRun(
        samples, gate.copies, ImageSet(*files), snapshots, agreement, {"classes": samples.summary, "settings": {}}
    )


def evaluate_generator(
    name: str,
    method: str,
    serves: str,
    run: GeneratorRun,
    image_set: ImageSet,
    split: pd.DataFrame,
    normalizer: str = "reinhard",
) -> GeneratorResult:
    """All measurements of a generator, after a round trip through JSON."""
    judges: Any = Judges(corners, FlatPixelDistance(), LightnessClassifier())  # type: ignore[arg-type]
    table, features = run.samples.table, run.samples.features
    classes = tuple(label for label in CLASSES if (table["label"] == label).any())
    settings = EvaluationSettings(neighbours=3, max_images=40, kid_subset=5, resamples=20, pairs=10)
    masks = {label: (table["label"] == label).to_numpy() for label in classes}
    pixels = {label: run.images.decode_all(threads=1, where=where) for label, where in masks.items()}
    train, test = (parts(image_set, split, classes, part)[0] for part in (training_part(split), "test"))
    metrics = evaluate(
        EvaluationSet(pixels, {label: features[where] for label, where in masks.items()}),
        evaluation_set(train, classes), evaluation_set(test, classes), judges, settings, roles={}, seed=1,
    )  # fmt: skip
    metrics |= {"memorisation": measure_memorisation(run, image_set, split)[0], "agreement_by_step": run.agreement}
    training = {
        "method": method,
        "classes": {"trained": list(classes), "served": list(classes)},
        "parameters": {"generator": 1234567, "critic": 3456},
        "images": len(train.pixels), "taught": 0, "steps": 40, "seconds": 3725.4, "device": "cpu", "precision": "32",
    }  # fmt: skip
    results = json.loads(json.dumps([metrics, training, run.gate], allow_nan=False))
    return GeneratorResult(name, method, serves, normalizer, *results)


def evaluation_set(images: Images, classes: tuple[str, ...]) -> EvaluationSet:
    """Real images and their features by class."""
    pixels = {label: images.pixels[images.labels == label] for label in classes}
    return EvaluationSet(pixels, {label: corners(values) for label, values in pixels.items()})


def measure_memorisation(
    run: GeneratorRun, image_set: ImageSet, split: pd.DataFrame
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Rows and pairs of `memorisation` for the samples of a generator, the pairs with image ids."""
    table = run.samples.table
    classes = tuple(sorted(set(table["label"])))
    test, ids = parts(image_set, split, classes, "test")
    sets = {label: table[table["label"] == label] for label in classes}
    pixels = {name: sample_class(name, rows["index"]) for name, rows in sets.items()}
    rows, pairs = memorisation(pixels, test, run.copies, CLASSES, max_images=100, seed=1)
    image_ids = [
        sets[row.label]["image_id"].iloc[row.image] if row.kind == "generated" else ids[row.image]
        for row in pairs.itertuples()
    ]
    return rows, pairs.drop(columns="image").assign(image_id=pd.array(image_ids, dtype="str"))
