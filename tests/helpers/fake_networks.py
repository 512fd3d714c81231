"""Simple substitutes for Inception, LPIPS and the classifier, with known results."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from hemabalance.config.gate import GateSettings
from hemabalance.dataset.splits import draws
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.synthesis.gate import Gate
from hemabalance.synthesis.judges import FeatureExtractor
from hemabalance.synthesis.real_image_features import RealImageFeatures
from hemabalance.synthesis.real_image_measurement import compute_real_image_features
from hemabalance.training.job import Images


class PixelDistance:
    """Substitute for LPIPS: the embedding is the image itself, so the distance is the mean squared difference."""

    device = torch.device("cpu")

    def embed(self, images: np.ndarray) -> np.ndarray:
        width = int(np.prod(images.shape[1:]))
        return images.reshape(len(images), width).astype(np.float32) / np.float32(255 * width**0.5)

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((self.embed(a) - self.embed(b)) ** 2).sum(axis=1)


class RednessClassifier:
    """Substitute for the classifier: red images are basophils, other images monocytes."""

    def __init__(self, *other_classes: str) -> None:
        self.classes = ["basophil", "monocyte", *other_classes]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        red = (images[..., 0].mean(axis=(1, 2)) / 255).astype(np.float32)
        others = [np.zeros_like(red)] * (len(self.classes) - 2)
        return np.stack([red, 1 - red, *others], axis=1)

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.where(self.probabilities(images)[:, 0] > 0.5, "basophil", "monocyte")


def quadrant_means(images: np.ndarray) -> np.ndarray:
    """Substitute for Inception: mean levels of the four quadrants, which mirroring swaps."""
    half = images.shape[1] // 2
    quarters = [images[:, y : y + half, x : x + half].mean(axis=(1, 2)) for y in (0, half) for x in (0, half)]
    return np.concatenate(quarters, axis=1).astype(np.float32) / 255


def random_images(count: int, seed: int, *, red: bool, side: int = 16) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 120, (count, 8, 8, 3))
    coarse[..., 0] += 130 if red else 0
    return coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2).astype(np.uint8)


def real_features_of(
    images: Images, ids: np.ndarray, extract: FeatureExtractor, perceptual: Any, *, max_references: int, seed: int
) -> RealImageFeatures:
    """Features of training images, of which at most `max_references` per class are references."""
    rows = pd.DataFrame({"image_id": pd.array(ids, dtype="str"), "label": pd.array(images.labels, dtype="str")})
    rows["hash"] = draws(rows["image_id"], seed=seed)
    order = rows.sort_values(["label", "hash"]).index.to_numpy()
    rows = rows.loc[order, ["image_id", "label"]].reset_index(drop=True)
    rows["kind"] = pd.array(["training"] * len(rows), dtype="str")
    rows["reference"] = rows.groupby("label").cumcount() < max_references
    return compute_real_image_features(rows, images.pixels[order], extract, perceptual)


def build_copy_detector(
    images: Images, ids: np.ndarray, real: RealImageFeatures, perceptual: Any, *, quantile: float
) -> CopyDetector:
    """Copy detector over the references among the training images."""
    place = {image: k for k, image in enumerate(ids)}
    references = {str(label): real.reference_ids(str(label)) for label in np.unique(images.labels)}
    pixels = {
        label: images.pixels[[place[image] for image in reference_ids]] for label, reference_ids in references.items()
    }
    class_counts = {label: int((images.labels == label).sum()) for label in references}
    return CopyDetector(pixels, references, real.distances(), perceptual, quantile=quantile, class_counts=class_counts)


def build_gate(
    images: Images, ids: np.ndarray, judge: Any, extract: FeatureExtractor, perceptual: Any, settings: GateSettings,
    *, max_references: int, seed: int,
) -> Gate:  # fmt: skip
    """A gate with references among the training images."""
    real = real_features_of(images, ids, extract, perceptual, max_references=max_references, seed=seed)
    copies = build_copy_detector(images, ids, real, perceptual, quantile=settings.copy_quantile)
    return Gate(copies, {label: real.features_of(names) for label, names in copies.ids.items()}, judge, settings)
