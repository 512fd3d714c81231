"""The normalised image set: all kept images of both sources, each in the stain that the direction determines."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import write_image_set
from hemabalance.parallel import batched
from hemabalance.progress import progress
from hemabalance.stain.data import DomainImageSets
from hemabalance.stain.direction import Direction, target_domains
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, other_domain

log = logging.getLogger(__name__)

_BATCH = 64


@dataclass(frozen=True)
class Normalisation:
    """A fitted normaliser and the rule for the images that it maps.

    Attributes:
        name: of the normaliser in the config.
        normalizer: fitted.
        direction, classes: see `direction.target_domains`.
    """

    name: str
    normalizer: Normalizer
    direction: Direction
    classes: tuple[str, ...]


def transform_batches(
    normalizer: Normalizer, pixels: np.ndarray, *, to: Domain, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """`normalizer.transform` of any number of images, with progress.

    Returns:
        RGB uint8 of the shape of `pixels`, and bool (n,), True where an image was passed through unchanged.
    """
    mapped, passed_through = np.empty_like(pixels), np.zeros(len(pixels), bool)
    batches = batched(range(len(pixels)), _BATCH)
    for batch in progress(batches, total=-(-len(pixels) // _BATCH), what=what, unit="batch"):
        positions = slice(batch[0], batch[-1] + 1)
        result = normalizer.transform(pixels[positions], to=to)
        mapped[positions], passed_through[positions] = result.pixels, result.passed_through
    return mapped, passed_through


def write_normalised(
    sets: DomainImageSets,
    split: pd.DataFrame,
    normalisation: Normalisation,
    *,
    zip_path: Path,
    index_path: Path,
    threads: int,
) -> dict[str, int]:
    """Write one image set with every kept image of both sources, each in the stain that the direction determines.

    Args:
        sets: the prepared images.
        split: one row per image after cleaning.
        normalisation: the normaliser and the rule.
        zip_path, index_path: the image set to write; `provenance` gains `stain` (the domain whose stain the image
            has) and, for mapped images, `normalizer` and `passed_through`.
        threads: number of encoders and decoders.

    Returns:
        The number of images `mapped`, `unchanged`, and among the mapped ones `passed_through` as degenerate.
    """
    name, direction = normalisation.name, normalisation.direction
    aims = target_domains(split, direction, normalisation.classes)
    target_by_id = pd.Series(aims.to_numpy(), index=split["image_id"])
    tables, pixel_arrays = [], []
    counts = {"mapped": 0, "unchanged": 0, "passed_through": 0}
    for domain in DOMAINS:
        index = sets[domain].index
        pixels = sets[domain].decode_all(threads=threads)
        to = other_domain(domain)
        selected = (index["image_id"].map(target_by_id) == to).to_numpy()
        mapped, passed_through = transform_batches(
            normalisation.normalizer, pixels[selected], to=to, what=f"{name}: {domain} to {to}"
        )
        pixels[selected] = mapped
        updates: list[dict[str, object]] = [{"stain": domain} for _ in range(len(index))]
        for position, flag in zip(np.flatnonzero(selected), passed_through, strict=True):
            updates[position] = {"stain": to, "normalizer": name, "passed_through": bool(flag)}
        tables.append(index.assign(provenance=_updated_provenance(index["provenance"], updates)))
        pixel_arrays.append(pixels)
        counts["mapped"] += int(selected.sum())
        counts["unchanged"] += int((~selected).sum())
        counts["passed_through"] += int(passed_through.sum())
    table = pd.concat(tables, ignore_index=True)
    order = table["image_id"].argsort(kind="stable").to_numpy()
    count_a = len(pixel_arrays[0])
    images = (pixel_arrays[0][k] if k < count_a else pixel_arrays[1][k - count_a] for k in order)
    columns = ["image_id", "label", "source", "origin", "provenance"]
    write_image_set(zip_path, index_path, table.iloc[order][columns].reset_index(drop=True), images, threads=threads)
    log.info("%s, direction %s: %s", name, direction, json.dumps(counts))
    return counts


def _updated_provenance(provenance: pd.Series, updates: Iterable[dict[str, object]]) -> list[str]:
    return [
        json.dumps(json.loads(text) | update, sort_keys=True) for text, update in zip(provenance, updates, strict=True)
    ]
