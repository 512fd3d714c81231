"""Let the judges look at the real images once for all generators, and compare generated ones with them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import require_visible
from hemabalance.metrics.lpips import LPIPSModel
from hemabalance.protocols import Protocol
from hemabalance.synthesis.copies import CopyDetector, NearestImageIndex
from hemabalance.synthesis.data import real_images, training_rows
from hemabalance.synthesis.judges import FeatureExtractor
from hemabalance.synthesis.real_image_features import RealImageFeatures, write_real_image_features


def look(
    rows: pd.DataFrame, pixels: np.ndarray, extract: FeatureExtractor, perceptual: LPIPSModel
) -> RealImageFeatures:
    """Inception features of every image, and how near the references of a class come to one another.

    Args:
        rows: `image_id, label, kind, reference`, as `reals.select_real_images` gives them.
        pixels: the images, RGB uint8 (n, size, size, 3).
        extract: features.
        perceptual: LPIPS.
    """
    lpips, bits = np.full(len(rows), np.nan, np.float32), np.full(len(rows), -1, np.int64)
    references = rows[rows["reference"]]
    for _, mine in references.groupby("label", sort=True):
        if len(mine) > 1:
            places = mine.index.to_numpy()
            others = NearestImageIndex(pixels[places], perceptual).nearest_others()
            lpips[places], bits[places] = others.lpips, others.bits
    return RealImageFeatures(rows.assign(lpips=lpips, bits=bits), extract(pixels))


def measure_real_images(
    held: ImageSet,
    rows: pd.DataFrame,
    size: int,
    extract: FeatureExtractor,
    perceptual: LPIPSModel,
    *,
    table: Path,
    features: Path,
    threads: int,
) -> None:
    """Look at the chosen images at the working size, and write what was seen.

    Args:
        held: the normalised images of both sources.
        rows: as `reals.select_real_images` gives them.
        size: side to reduce to, in pixels.
        extract: features.
        perceptual: LPIPS.
        table, features: files to write, see `reals.write_real_image_features`.
        threads: decoders at once.

    Raises:
        InputError: an image is not in the set, or the disk is full.
    """
    pixels = real_images(held, rows, size, threads=threads).pixels
    write_real_image_features(look(rows, pixels, extract, perceptual), table, features)


def copy_detector(
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    real: RealImageFeatures,
    labels: Iterable[str],
    size: int,
    perceptual: LPIPSModel,
    *,
    quantile: float,
    threads: int,
) -> CopyDetector:
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
    return CopyDetector(pixels, ids, real.distances(), perceptual, quantile=quantile, have=have)
