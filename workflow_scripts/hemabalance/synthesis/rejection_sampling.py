"""Draw images of each class until enough pass the gate, and write all of them with where each came from."""

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
from hemabalance.progress import Meter
from hemabalance.synthesis.gate import REASONS, Gate
from hemabalance.synthesis.judges import FeatureExtractor
from hemabalance.synthesis.sampling import BLOCK

log = logging.getLogger(__name__)

_CHUNK = 4 * BLOCK

ImageSampler = Callable[[str, range], np.ndarray]
"""Class and latent indices -> RGB uint8 (n, size, size, 3)."""


@dataclass(frozen=True)
class GatedSamples:
    """What was drawn.

    Attributes:
        table: `image_id, label, index` and what `Gate.assess` says, one row an image, sorted by image id.
        features: Inception features float32 (n, 2048) in the same order.
        summary: by class what `gate.json` holds.
    """

    table: pd.DataFrame
    features: np.ndarray
    summary: dict[str, dict[str, Any]]


def draw(
    sampler: ImageSampler, extract: FeatureExtractor, gate: Gate, real: Mapping[str, int], settings: DrawsConfig
) -> GatedSamples:
    """Draw images of each class, in the order of their latent indices, until enough are accepted.

    A class that cannot reach its target within its number of draws stays short, and the log says so.

    Args:
        sampler: makes images.
        extract: looks at them.
        gate: judges them.
        real: class -> number of its real training images, for every class to draw.
        settings: how many to draw.
    """
    tables, features, summary = [], [], {}
    for label in sorted(real):
        table, seen = _sample_class(label, sampler, extract, gate, real[label], settings)
        tables.append(table)
        features.append(seen)
        summary[label] = _summary(label, table, real[label], settings, gate)
    return GatedSamples(pd.concat(tables, ignore_index=True), np.concatenate(features), summary)


def _sample_class(
    label: str, sampler: ImageSampler, extract: FeatureExtractor, gate: Gate, real: int, settings: DrawsConfig
) -> tuple[pd.DataFrame, np.ndarray]:
    wanted, most = settings.missing(real), settings.max_draws(real)
    tables: list[pd.DataFrame] = []
    features: list[np.ndarray] = []
    drawn = accepted = 0
    with Meter(f"{label}: {_CHUNK} draws", -(-most // _CHUNK), "batch", done=0, shown=True) as meter:
        while drawn < most and (drawn < settings.least or accepted < wanted):
            indices = range(drawn, min(drawn + _CHUNK, most))
            pixels = sampler(label, indices)
            seen = extract(pixels)
            table = gate.assess(pixels, label, seen)
            table.insert(0, "index", np.array(indices, np.int64))
            table.insert(0, "label", label)
            table.insert(0, "image_id", [image_id(label, index) for index in indices])
            tables.append(table)
            features.append(seen)
            drawn, accepted = drawn + len(indices), accepted + int(table["accepted"].sum())
            meter.advance(f"{accepted} accepted of {wanted} wanted")
    return pd.concat(tables, ignore_index=True), np.concatenate(features)


def _summary(label: str, table: pd.DataFrame, real: int, settings: DrawsConfig, gate: Gate) -> dict[str, Any]:
    wanted, accepted = settings.missing(real), int(table["accepted"].sum())
    short = max(0, wanted - accepted)
    notes = [gate.notes()[label]] if label in gate.notes() else []
    if not wanted:
        notes.append(f"no image is wanted: {real} real ones, target {settings.target_per_class}")
    if short:
        notes.append(f"{short} short of its target after {len(table)} draws")
        log.warning("%s stays %d images short: %d of %d draws were accepted", label, short, accepted, len(table))
    reasons = table["reason"].str.split("; ").explode().value_counts()
    failing = {reason: int(reasons.get(reason, 0)) for reason in REASONS}
    return {
        "real": real, "target": wanted, "drawn": len(table), "accepted": accepted, **failing, "short": short,
        "note": "; ".join(notes),
    }  # fmt: skip


def image_id(label: str, index: int) -> str:
    """The name of a synthetic image in its set: sorts by class, then latent index."""
    return f"{label}-{index:010d}"


def write_gated_samples(
    drawn: GatedSamples,
    sampler: ImageSampler,
    zip_path: Path,
    index_path: Path,
    *,
    generator: str,
    weights: str,
    seed: int,
    threads: int,
) -> None:
    """Write every drawn image, accepted or not, as an image set; each is made once more, the same as before.

    `provenance` holds `generator`, `weights` (sha256 of the file), `seed`, `class` and `index` (of the latent): with
    them the image can be made again.

    Args:
        drawn: what `draw` gave.
        sampler: the same.
        zip_path, index_path: the image set to write.
        generator: its name in config.
        weights: sha256 of its weights file.
        seed: of the latents.
        threads: encoders at once.
    """
    provenance = {"generator": generator, "weights": weights, "seed": seed}
    notes = [
        json.dumps({**provenance, "class": label, "index": int(index)}, sort_keys=True)
        for label, index in zip(drawn.table["label"], drawn.table["index"], strict=True)
    ]
    rows = drawn.table[["image_id", "label"]].assign(source="synthetic", origin="synthetic", provenance=notes)
    write_image_set(zip_path, index_path, rows, _again(drawn.table, sampler), threads=threads)


def _again(table: pd.DataFrame, sampler: ImageSampler) -> Iterator[np.ndarray]:
    for label, mine in table.groupby("label", sort=True):
        for first in range(0, len(mine), _CHUNK):
            yield from sampler(str(label), range(first, min(first + _CHUNK, len(mine))))
