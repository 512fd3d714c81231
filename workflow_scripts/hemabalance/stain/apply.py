"""The normalised image set: all kept images of all sources, each in the stain that the direction determines."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.parallel import batched
from hemabalance.progress import progress
from hemabalance.stain.direction import Direction, target_domains
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, Pair, other_domain

log = logging.getLogger(__name__)

_BATCH = 64


@dataclass(frozen=True)
class Normalisation:
    """The fitted normaliser of a pair of sources.

    Attributes:
        name: of the normaliser in the provenance of the images that it maps, as in the lists of seen images.
        pair: the two sources.
        normalizer: fitted.
    """

    name: str
    pair: Pair
    normalizer: Normalizer


@dataclass(frozen=True)
class MappingRule:
    """The rule for the images that are mapped: see `direction.target_domains`."""

    direction: Direction
    classes: tuple[str, ...] | None


def transform_batches(
    normalizer: Normalizer, pixels: np.ndarray, *, to: Domain, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """`normalizer.transform` of any number of images, with progress.

    Returns:
        RGB uint8 of the shape of `pixels`, and bool (n,), True where an image was passed through unchanged.
    """
    mapped, passed_through = np.empty_like(pixels), np.zeros(len(pixels), bool)
    batches = batched(range(len(pixels)), _BATCH)
    for batch in progress(batches, total=-(-len(pixels) // _BATCH), what=what, unit="block"):
        positions = slice(batch[0], batch[-1] + 1)
        result = normalizer.transform(pixels[positions], to=to)
        mapped[positions], passed_through[positions] = result.pixels, result.passed_through
    return mapped, passed_through


def write_normalised(
    sets: Mapping[str, ImageSet],
    split: pd.DataFrame,
    normalisations: Sequence[Normalisation],
    rule: MappingRule,
    *,
    zip_path: Path,
    index_path: Path,
    threads: int,
) -> dict[str, int]:
    """Write one image set with every kept image of the sources, each in the stain that the direction determines.

    Args:
        sets: source -> its prepared images; they are decoded at once.
        split: one row per image after cleaning.
        normalisations: one for each pair of the reference and another source; with one source there are none, and
            every image keeps its stain.
        rule: which images are mapped.
        zip_path, index_path: the image set to write; `provenance` gains `stain` (the source whose stain the image
            has) and, for mapped images, `normalizer` and `passed_through`.
        threads: number of encoders and decoders.

    Returns:
        The number of images `mapped`, `unchanged`, and among the mapped ones `passed_through` as degenerate.
    """
    tables: list[pd.DataFrame] = []
    images: list[np.ndarray] = []
    counts = {"mapped": 0, "unchanged": 0, "passed_through": 0}
    for source, image_set in sets.items():
        pixels = image_set.decode_all(threads=threads)
        updates: list[dict[str, object]] = [{"stain": source} for _ in range(len(pixels))]
        for normalisation in normalisations:
            _map_in_place(normalisation, rule, split, source, image_set.index["image_id"], pixels, updates)
        provenance = _updated_provenance(image_set.index["provenance"], updates)
        tables.append(image_set.index.assign(provenance=provenance))
        images.extend(pixels)
        mapped = [update for update in updates if "normalizer" in update]
        counts["mapped"] += len(mapped)
        counts["unchanged"] += len(updates) - len(mapped)
        counts["passed_through"] += sum(bool(update["passed_through"]) for update in mapped)
    table = pd.concat(tables, ignore_index=True)
    order = table["image_id"].argsort(kind="stable").to_numpy()
    columns = ["image_id", "label", "source", "origin", "provenance"]
    ordered = table.iloc[order][columns].reset_index(drop=True)
    write_image_set(zip_path, index_path, ordered, (images[k] for k in order), threads=threads)
    log.info("direction %s: %s", rule.direction, json.dumps(counts))
    return counts


def _map_in_place(
    normalisation: Normalisation,
    rule: MappingRule,
    split: pd.DataFrame,
    source: str,
    image_ids: pd.Series,
    pixels: np.ndarray,
    updates: list[dict[str, object]],
) -> None:
    """Map those images of a source that the rule maps with this normaliser; no image of a source of another pair."""
    name, pair = normalisation.name, normalisation.pair
    for domain in (d for d in DOMAINS if pair[d] == source):
        to = other_domain(domain)
        targets = target_domains(split, rule.direction, rule.classes, pair)
        selected = image_ids.isin(split.loc[targets == to, "image_id"]).to_numpy()
        what = f"{name}: {source} to {pair[to]}"
        mapped, passed_through = transform_batches(normalisation.normalizer, pixels[selected], to=to, what=what)
        pixels[selected] = mapped
        for position, flag in zip(np.flatnonzero(selected), passed_through, strict=True):
            updates[position] = {"stain": pair[to], "normalizer": name, "passed_through": bool(flag)}


def _updated_provenance(provenance: pd.Series, updates: Iterable[dict[str, object]]) -> list[str]:
    return [
        json.dumps(json.loads(text) | update, sort_keys=True) for text, update in zip(provenance, updates, strict=True)
    ]
