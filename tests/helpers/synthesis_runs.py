"""A small run of the synthesis stage: real images, a split, a generator of pictures, the gate, and what is measured."""

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
from hemabalance.synthesis.rejection_sampling import GatedSamples, draw, write_gated_samples
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.job import Images

SIZE = 32
LIGHT = {"basophil": 30, "monocyte": 90, "promyelocyte": 150}
CLASSES = tuple(LIGHT)
REAL = 14  # of each class; four of them are test images, of promyelocytes none


def picture(label: str, seed: int) -> np.ndarray:
    """A smooth picture as light as its class is, another one for each seed."""
    return (photograph(seed, SIZE) // 5 + LIGHT[label]).astype(np.uint8)


class LightnessClassifier:
    """A classifier that goes by how light an image is."""

    classes = CLASSES

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        light = images.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] - 25.5
        scores = np.exp(-np.abs(light - np.array(list(LIGHT.values()))) / 10)
        return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.array(CLASSES)[self.probabilities(images).argmax(axis=1)]


class FlatPixelDistance:
    """Distances between pixels in place of LPIPS."""

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
    """A generator that copies at index 0, takes another class at each fifth and gives noise at each seventh."""
    found = []
    for index in indices:
        other = CLASSES[CLASSES.index(label) - 1] if index % 5 == 1 else label
        pixels = picture(other, (100 if index == 0 else 5000 + index) + 1000 * CLASSES.index(label))
        if index % 7 == 2:
            pixels = np.random.default_rng(index).integers(0, 255, pixels.shape, np.uint8)
        found.append(pixels)
    return np.stack(found)


def real_set(folder: Path) -> ImageSet:
    """Of each class fourteen real images."""
    rows, pictures = [], []
    for at, label in enumerate(CLASSES):
        for k in range(REAL):
            rows.append((f"mendeley/{label}/{k:02}", label))
            pictures.append(picture(label, 100 + k + 1000 * at))
    table = pd.DataFrame(rows, columns=["image_id", "label"], dtype="str")
    table = table.assign(source="mendeley", origin="real", provenance="{}").astype({"source": "str"})
    paths = folder / "real.zip", folder / "real_images.parquet"
    write_image_set(*paths, table, pictures, threads=1)
    return ImageSet(*paths)


def split_of(held: ImageSet, protocol: Protocol) -> pd.DataFrame:
    """Under leak_free the last four of each class are test images, but of promyelocytes all are training images."""
    rows = held.index[["image_id", "source", "label"]].reset_index(drop=True)
    rows = rows.assign(group_id=rows["image_id"], draw=draws(rows["image_id"], seed=1), part="pool")
    if protocol == "leak_free":
        late = rows.groupby("label").cumcount() >= REAL - 4
        rows["part"] = np.where(late & (rows["label"] != "promyelocyte"), "test", "train")
    return rows


@dataclass
class GeneratorRun:
    """All that one generator leaves behind."""

    drawn: GatedSamples
    copies: CopyDetector
    images: ImageSet
    snapshots: ImageSet
    along: list[dict[str, Any]]
    gate: dict[str, Any]


def parts(held: ImageSet, split: pd.DataFrame, classes: tuple[str, ...], part: str) -> tuple[Images, np.ndarray]:
    """The real images of some classes in a part, and their ids."""
    chosen = ((split["part"] == part) & split["label"].isin(classes)).to_numpy()
    rows = split[chosen]
    pixels = held.decode_all(threads=1, where=chosen)
    return Images(pixels, rows["label"].to_numpy(dtype=str)), rows["image_id"].to_numpy(dtype=str)


def training_part(split: pd.DataFrame) -> str:
    """The part that training sees."""
    return "train" if (split["part"] == "train").any() else "pool"


def run_generator(
    folder: Path,
    name: str,
    classes: tuple[str, ...],
    held: ImageSet,
    split: pd.DataFrame,
    *,
    steps: int = 40,
    points: int = 4,
) -> GeneratorRun:
    """Draw, gate and watch a generator of some classes."""
    judge: Any = LightnessClassifier()
    perceptual: Any = FlatPixelDistance()
    seen, ids = parts(held, split, classes, training_part(split))
    settings = GateSettings(confidence=0.4, neighbours=3, copy_quantile=0.01)
    gate = build_gate(seen, ids, judge, corners, perceptual, settings, most=100, seed=1)
    how = DrawsConfig(target_per_class=24, least=20, most_times=2.0)
    drawn = draw(sample_class, corners, gate, {label: int((seen.labels == label).sum()) for label in classes}, how)
    files = folder / f"{name}.zip", folder / f"{name}.parquet"
    write_gated_samples(drawn, sample_class, *files, generator=name, weights="0" * 64, seed=1, threads=1)
    taken = Snapshots(classes, points=points, each=4, size=SIZE, steps=steps)
    for step in taken.steps:
        for label in classes:
            blurred = sample_class(label, range(4)).astype(np.float32) * (step / steps)
            taken.take(step, label, torch.from_numpy(blurred.transpose(0, 3, 1, 2) / 127.5 - 1))
    kept = folder / f"{name}_along.zip", folder / f"{name}_along.parquet"
    taken.write(*kept, generator=name, threads=1)
    snapshots = ImageSet(*kept)
    along = json.loads(json.dumps(agreement_by_step(snapshots, judge, threads=1), allow_nan=False))
    return GeneratorRun(
        drawn, gate.copies, ImageSet(*files), snapshots, along, {"classes": drawn.summary, "settings": {}}
    )


def evaluate_generator(
    name: str,
    method: str,
    serves: str,
    made: GeneratorRun,
    held: ImageSet,
    split: pd.DataFrame,
    normalizer: str = "reinhard",
) -> GeneratorResult:
    """What is measured of a generator, as JSON files give it back."""
    judges: Any = Judges(corners, FlatPixelDistance(), LightnessClassifier())  # type: ignore[arg-type]
    table, features = made.drawn.table, made.drawn.features
    classes = tuple(label for label in CLASSES if (table["label"] == label).any())
    settings = EvaluationSettings(neighbours=3, max_images=40, kid_subset=5, resamples=20, pairs=10)
    wheres = {label: (table["label"] == label).to_numpy() for label in classes}
    drawn = {label: made.images.decode_all(threads=1, where=where) for label, where in wheres.items()}
    seen, test = (parts(held, split, classes, part)[0] for part in (training_part(split), "test"))
    metrics = evaluate(
        EvaluationSet(drawn, {label: features[where] for label, where in wheres.items()}),
        side(seen, classes), side(test, classes), judges, settings, seed=1,
    )  # fmt: skip
    metrics |= {"memorisation": measure_memorisation(made, held, split)[0], "agreement_by_step": made.along}
    training = {
        "method": method,
        "classes": {"trained": list(classes), "served": list(classes)},
        "parameters": {"generator": 1234567, "critic": 3456},
        "images": len(seen.pixels), "taught": 0, "steps": 40, "seconds": 3725.4, "device": "cpu", "precision": "32",
    }  # fmt: skip
    read = json.loads(json.dumps([metrics, training, made.gate], allow_nan=False))
    return GeneratorResult(name, method, serves, normalizer, *read)


def side(images: Images, classes: tuple[str, ...]) -> EvaluationSet:
    """Real images to measure against."""
    pixels = {label: images.pixels[images.labels == label] for label in classes}
    return EvaluationSet(pixels, {label: corners(some) for label, some in pixels.items()})


def measure_memorisation(
    made: GeneratorRun, held: ImageSet, split: pd.DataFrame
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """How near the draws come to training images: rows, and the pairs with the ids of their images."""
    table = made.drawn.table
    classes = tuple(sorted(set(table["label"])))
    test, ids = parts(held, split, classes, "test")
    sets = {label: table[table["label"] == label] for label in classes}
    pixels = {name: sample_class(name, mine["index"]) for name, mine in sets.items()}
    rows, pairs = memorisation(pixels, test, made.copies, most=100, seed=1)
    names = [
        sets[row.label]["image_id"].iloc[row.image] if row.kind == "generated" else ids[row.image]
        for row in pairs.itertuples()
    ]
    return rows, pairs.drop(columns="image").assign(image_id=pd.array(names, dtype="str"))
