"""Rejection sampling: sample images of each class until enough pass the gate, and write all with their provenance."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.config.draws import DrawsConfig
from hemabalance.dataset.imageset import write_image_set
from hemabalance.metrics.inception_features import WIDTH
from hemabalance.progress import Meter
from hemabalance.synthesis.gate import REASONS, Gate
from hemabalance.synthesis.gate_table import SCHEMA
from hemabalance.synthesis.judges import FeatureExtractor
from hemabalance.synthesis.sampling import BLOCK

log = logging.getLogger(__name__)

ImageSampler = Callable[[str, range], np.ndarray]
"""Class and latent indices -> RGB uint8 (n, size, size, 3)."""


@dataclass(frozen=True)
class GatedSamples:
    """Samples of all classes, accepted or refused.

    Attributes:
        table: `image_id, label, index` and the columns of `Gate.assess`, one row per image, sorted by image id.
        features: Inception features float32 (n, 2048) in the same order.
        summary: class -> counts and note, as in `gate.json`.
    """

    table: pd.DataFrame
    features: np.ndarray
    summary: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class SampleProvenance:
    """Origin of the samples of one generator.

    Attributes:
        generator: name of the generator in the config.
        weights: sha256 of the weights file.
        seed: seed of the latents.
    """

    generator: str
    weights: str
    seed: int

    def to_json(self, label: str, index: int) -> str:
        """JSON object `class, generator, index, seed, weights`: enough to generate the image again."""
        values = {"generator": self.generator, "weights": self.weights, "seed": self.seed}
        return json.dumps({**values, "class": label, "index": index}, sort_keys=True)


def no_samples() -> GatedSamples:
    """The samples of a generator without a class."""
    dtypes = {name: str(column.dtype) for name, column in SCHEMA.columns.items()}
    return GatedSamples(pd.DataFrame(columns=list(dtypes)).astype(dtypes), np.empty((0, WIDTH), np.float32), {})


def sample_until_accepted(
    sampler: ImageSampler,
    extract: FeatureExtractor,
    gate: Gate,
    real_counts: Mapping[str, int],
    settings: DrawsConfig,
) -> GatedSamples:
    """Sample each class in the order of the latent indices until enough images are accepted.

    A class that does not reach its target within the maximum number of samples stays short and is logged.

    Args:
        sampler: generator.
        extract: Inception features.
        gate: accepts or refuses images.
        real_counts: class -> number of its real training images, for every class to sample.
        settings: target and limits.
    """
    tables, features, summary = [], [], {}
    for label in sorted(real_counts):
        table, class_features = _sample_class(label, sampler, extract, gate, real_counts[label], settings)
        tables.append(table)
        features.append(class_features)
        summary[label] = _summary(label, table, real_counts[label], settings, gate)
    return GatedSamples(pd.concat(tables, ignore_index=True), np.concatenate(features), summary)


def _sample_class(
    label: str, sampler: ImageSampler, extract: FeatureExtractor, gate: Gate, real_count: int, settings: DrawsConfig
) -> tuple[pd.DataFrame, np.ndarray]:
    target, max_samples = settings.missing(real_count), settings.max_draws(real_count)
    tables: list[pd.DataFrame] = []
    features: list[np.ndarray] = []
    sampled = accepted = 0
    with Meter(f"drawing {label}, {BLOCK} a part", -(-max_samples // BLOCK), "part", shown=True) as meter:
        while sampled < max_samples and (sampled < settings.least or accepted < target):
            indices = range(sampled, min(sampled + BLOCK, max_samples))
            pixels = sampler(label, indices)
            chunk_features = extract(pixels)
            table = gate.assess(pixels, label, chunk_features)
            table.insert(0, "index", np.array(indices, np.int64))
            table.insert(0, "label", label)
            table.insert(0, "image_id", [image_id(label, index) for index in indices])
            tables.append(table)
            features.append(chunk_features)
            sampled, accepted = sampled + len(indices), accepted + int(table["accepted"].sum())
            meter.advance(f"{accepted} accepted, {target} wanted")
    return pd.concat(tables, ignore_index=True), np.concatenate(features)


def _summary(label: str, table: pd.DataFrame, real_count: int, settings: DrawsConfig, gate: Gate) -> dict[str, Any]:
    target, accepted = settings.missing(real_count), int(table["accepted"].sum())
    short = max(0, target - accepted)
    notes = [gate.notes()[label]] if label in gate.notes() else []
    if not target:
        notes.append(f"no image is wanted: {real_count} real ones, target {settings.target_per_class}")
    if short:
        notes.append(f"{short} short of its target after {len(table)} draws")
        log.warning("%s stays %d images short: %d of %d draws were accepted", label, short, accepted, len(table))
    reasons = table["reason"].str.split("; ").explode().value_counts()
    refused = {reason: int(reasons.get(reason, 0)) for reason in REASONS}
    return {
        "real": real_count, "target": target, "drawn": len(table), "accepted": accepted, **refused, "short": short,
        "note": "; ".join(notes),
    }  # fmt: skip


def image_id(label: str, index: int) -> str:
    """Image id of a synthetic image: sorts by class, then latent index."""
    return f"{label}-{index:010d}"


def write_gated_samples(
    samples: GatedSamples,
    sampler: ImageSampler,
    provenance: SampleProvenance,
    zip_path: Path,
    index_path: Path,
    *,
    threads: int,
) -> None:
    """Write all samples, accepted or refused, as an image set; every image is generated once more, bit by bit the same.

    Args:
        samples: result of `sample_until_accepted`.
        sampler: the same sampler.
        provenance: origin of the samples, written to the column `provenance`.
        zip_path, index_path: image set to write.
        threads: number of images encoded in parallel.
    """
    notes = [
        provenance.to_json(label, int(index))
        for label, index in zip(samples.table["label"], samples.table["index"], strict=True)
    ]
    rows = samples.table[["image_id", "label"]].assign(source="synthetic", origin="synthetic", provenance=notes)
    write_image_set(zip_path, index_path, rows, _regenerate(samples.table, sampler), threads=threads)


def _regenerate(table: pd.DataFrame, sampler: ImageSampler) -> Iterator[np.ndarray]:
    for label, rows in table.groupby("label", sort=True):
        for first in range(0, len(rows), BLOCK):
            yield from sampler(str(label), range(first, min(first + BLOCK, len(rows))))
