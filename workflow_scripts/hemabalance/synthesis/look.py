"""Let the judges look at the real images once for all generators, and compare generated ones with them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import require_visible
from hemabalance.metrics.perceptual import Perceptual
from hemabalance.protocols import Protocol
from hemabalance.synthesis.copies import Copies, Shelf
from hemabalance.synthesis.data import real_images, training_rows
from hemabalance.synthesis.judges import Extract
from hemabalance.synthesis.reals import Reals, write_reals


def look(rows: pd.DataFrame, pixels: np.ndarray, extract: Extract, perceptual: Perceptual) -> Reals:
    """Inception features of every image, and how near the references of a class come to one another.

    Args:
        rows: `image_id, label, kind, reference`, as `reals.to_look_at` gives them.
        pixels: the images, RGB uint8 (n, size, size, 3).
        extract: features.
        perceptual: LPIPS.
    """
    lpips, bits = np.full(len(rows), np.nan, np.float32), np.full(len(rows), -1, np.int64)
    references = rows[rows["reference"]]
    for _, mine in references.groupby("label", sort=True):
        if len(mine) > 1:
            places = mine.index.to_numpy()
            others = Shelf(pixels[places], perceptual).nearest_others()
            lpips[places], bits[places] = others.lpips, others.bits
    return Reals(rows.assign(lpips=lpips, bits=bits), extract(pixels))


def look_at_real(
    held: ImageSet,
    rows: pd.DataFrame,
    size: int,
    extract: Extract,
    perceptual: Perceptual,
    *,
    table: Path,
    features: Path,
    threads: int,
) -> None:
    """Look at the chosen images at the working size, and write what was seen.

    Args:
        held: the normalised images of both sources.
        rows: as `reals.to_look_at` gives them.
        size: side to reduce to, in pixels.
        extract: features.
        perceptual: LPIPS.
        table, features: files to write, see `reals.write_reals`.
        threads: decoders at once.

    Raises:
        InputError: an image is not in the set, or the disk is full.
    """
    pixels = real_images(held, rows, size, threads=threads).pixels
    write_reals(look(rows, pixels, extract, perceptual), table, features)


def compared_with(
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    real: Reals,
    labels: Iterable[str],
    size: int,
    perceptual: Perceptual,
    *,
    quantile: float,
    threads: int,
) -> Copies:
    """The references of some classes, ready to be searched for what a generated image is a copy of.

    Args:
        held: the normalised images of both sources.
        split: of the protocol.
        protocol: decides which images training may see; references are of those.
        real: what was looked at.
        labels: classes; those without a reference are left out, and asking for one is an error then.
        size: side to reduce to, in pixels.
        perceptual: LPIPS.
        quantile: see `copies.thresholds`.
        threads: decoders at once.

    Raises:
        InputError: split, images and `real` are not of one run, or no class has two references.
    """
    counts = training_rows(split, protocol, labels)["label"].value_counts()
    ids = {label: real.references(label) for label in sorted(counts.index)}
    require_visible(split, pd.Series(np.concatenate([*ids.values(), np.empty(0, str)])), protocol)
    pixels = {
        label: real_images(held, pd.DataFrame({"image_id": those, "label": label}), size, threads=threads).pixels
        for label, those in ids.items()
    }
    have = {str(label): int(n) for label, n in counts.items()}
    return Copies(pixels, ids, real.apart(), perceptual, quantile=quantile, have=have)
