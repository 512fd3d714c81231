"""All kept images of both sources in the stains that a direction asks for: what every later stage works on."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import write_image_set
from hemabalance.parallel import batched
from hemabalance.progress import progress
from hemabalance.stain.data import DomainImageSets
from hemabalance.stain.direction import Direction, targets
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer

log = logging.getLogger(__name__)

_BATCH = 64


def transformed(normalizer: Normalizer, pixels: np.ndarray, *, to: Domain, what: str) -> tuple[np.ndarray, np.ndarray]:
    """`normalizer.transform` of any number of images, with progress.

    Returns:
        RGB uint8 of the shape of `pixels`, and bool (n,): passed through unchanged.
    """
    made, passed = np.empty_like(pixels), np.zeros(len(pixels), bool)
    batches = batched(range(len(pixels)), _BATCH)
    for batch in progress(batches, total=-(-len(pixels) // _BATCH), what=what, unit="batch"):
        at = slice(batch[0], batch[-1] + 1)
        done = normalizer.transform(pixels[at], to=to)
        made[at], passed[at] = done.pixels, done.passed_through
    return made, passed


def write_normalised(
    sets: DomainImageSets,
    split: pd.DataFrame,
    normalizer: Normalizer,
    zip_path: Path,
    index_path: Path,
    *,
    name: str,
    direction: Direction,
    classes: tuple[str, ...],
    threads: int,
) -> dict[str, int]:
    """Write one image set with every kept image of both sources, each in the stain that the direction asks for.

    Args:
        sets: the prepared images.
        split: one row an image after cleaning.
        normalizer: fitted.
        zip_path, index_path: the image set to write; `provenance` gains `stain` (the domain whose stain the image
            has), `normalizer` and `passed_through` where an image was mapped.
        name: of the normaliser.
        direction, classes: see `direction.targets`.
        threads: encoders and decoders at once.

    Returns:
        How many images were `mapped`, `kept_as_they_are`, and of the mapped `passed_through` as degenerate.
    """
    aims = pd.Series(targets(split, direction, classes).to_numpy(), index=split["image_id"])
    tables, pixel_arrays = [], []
    counts = {"mapped": 0, "kept_as_they_are": 0, "passed_through": 0}
    for domain in DOMAINS:
        index = sets[domain].index
        pixels = sets[domain].decode_all(threads=threads)
        to: Domain = "b" if domain == "a" else "a"
        chosen = (index["image_id"].map(aims) == to).to_numpy()
        mapped, passed = transformed(normalizer, pixels[chosen], to=to, what=f"{name}: {domain} to {to}")
        pixels[chosen] = mapped
        notes: list[dict[str, object]] = [{"stain": domain} for _ in range(len(index))]
        for place, flag in zip(np.flatnonzero(chosen), passed, strict=True):
            notes[place] = {"stain": to, "normalizer": name, "passed_through": bool(flag)}
        tables.append(index.assign(provenance=_noted(index["provenance"], notes)))
        pixel_arrays.append(pixels)
        counts["mapped"] += int(chosen.sum())
        counts["kept_as_they_are"] += int((~chosen).sum())
        counts["passed_through"] += int(passed.sum())
    table = pd.concat(tables, ignore_index=True)
    order = table["image_id"].argsort(kind="stable").to_numpy()
    border = len(pixel_arrays[0])
    images = (pixel_arrays[0][k] if k < border else pixel_arrays[1][k - border] for k in order)
    columns = ["image_id", "label", "source", "origin", "provenance"]
    write_image_set(zip_path, index_path, table.iloc[order][columns].reset_index(drop=True), images, threads=threads)
    log.info("%s, direction %s: %s", name, direction, json.dumps(counts))
    return counts


def _noted(provenance: pd.Series, notes: Iterable[dict[str, object]]) -> list[str]:
    return [json.dumps(json.loads(text) | note, sort_keys=True) for text, note in zip(provenance, notes, strict=True)]
