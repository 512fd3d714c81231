"""Compute the features of the real images once for all generators, and build the copy detector."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.splits import require_visible
from hemabalance.metrics.lpips import LPIPSModel
from hemabalance.synthesis.copies import CopyDetector, NearestImageIndex
from hemabalance.synthesis.data import RealImageSource
from hemabalance.synthesis.judges import FeatureExtractor
from hemabalance.synthesis.real_image_features import RealImageFeatures, write_real_image_features


def compute_real_image_features(
    rows: pd.DataFrame, pixels: np.ndarray, extract: FeatureExtractor, perceptual: LPIPSModel
) -> RealImageFeatures:
    """Inception features of every image, and distances between the references of each class.

    Args:
        rows: `image_id, label, kind, reference`, result of `real_image_features.select_real_images`.
        pixels: the images of the rows, RGB uint8 (n, size, size, 3).
        extract: Inception features.
        perceptual: LPIPS.
    """
    lpips, bits = np.full(len(rows), np.nan, np.float32), np.full(len(rows), -1, np.int64)
    references = rows[rows["reference"]]
    for _, class_rows in references.groupby("label", sort=True):
        if len(class_rows) > 1:
            places = class_rows.index.to_numpy()
            others = NearestImageIndex(pixels[places], perceptual).nearest_others()
            lpips[places], bits[places] = others.lpips, others.bits
    return RealImageFeatures(rows.assign(lpips=lpips, bits=bits), extract(pixels))


def measure_real_images(
    source: RealImageSource,
    rows: pd.DataFrame,
    size: int,
    extract: FeatureExtractor,
    perceptual: LPIPSModel,
    *,
    table: Path,
    features: Path,
) -> None:
    """Compute the features of the selected images at the working size, and write them.

    Args:
        source: the real images.
        rows: result of `real_image_features.select_real_images`.
        size: working size: side in pixels.
        extract: Inception features.
        perceptual: LPIPS.
        table, features: files to write, see `real_image_features.write_real_image_features`.

    Raises:
        InputError: an image is missing from the set, or the disk is full.
    """
    pixels = source.read(rows, size).pixels
    write_real_image_features(compute_real_image_features(rows, pixels, extract, perceptual), table, features)


def copy_detector(
    source: RealImageSource,
    real: RealImageFeatures,
    labels: Iterable[str],
    size: int,
    perceptual: LPIPSModel,
    *,
    quantile: float,
) -> CopyDetector:
    """Copy detector over the references of the given classes.

    Args:
        source: the real images; references must be visible to training under its protocol.
        real: features of the real images.
        labels: classes; a class without a reference is left out, and searching it raises an error.
        size: working size: side in pixels.
        perceptual: LPIPS.
        quantile: see `copies.thresholds`.

    Raises:
        InputError: split, images and `real` belong to different runs, or no class has two references.
    """
    counts = source.training_rows(labels)["label"].value_counts()
    ids = {label: real.reference_ids(label) for label in sorted(counts.index)}
    require_visible(source.split, pd.Series(np.concatenate([*ids.values(), np.empty(0, str)])), source.protocol)
    pixels = {
        label: source.read(pd.DataFrame({"image_id": image_ids, "label": label}), size).pixels
        for label, image_ids in ids.items()
    }
    class_counts = {str(label): int(n) for label, n in counts.items()}
    return CopyDetector(pixels, ids, real.distances(), perceptual, quantile=quantile, class_counts=class_counts)
