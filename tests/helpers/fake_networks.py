"""In the place of networks that look at images: what they would say is known."""

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
from hemabalance.synthesis.real_image_measurement import look
from hemabalance.training.job import Images


class PixelDistance:
    """In the place of LPIPS: an embedding is the image itself, so a distance is the mean squared difference."""

    device = torch.device("cpu")

    def embed(self, images: np.ndarray) -> np.ndarray:
        width = int(np.prod(images.shape[1:]))
        return images.reshape(len(images), width).astype(np.float32) / np.float32(255 * width**0.5)

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((self.embed(a) - self.embed(b)) ** 2).sum(axis=1)


class RednessClassifier:
    """In the place of the classifier: an image is a basophil as far as it is red, else a monocyte."""

    def __init__(self, *unseen: str) -> None:
        self.classes = ["basophil", "monocyte", *unseen]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        red = (images[..., 0].mean(axis=(1, 2)) / 255).astype(np.float32)
        unseen = [np.zeros_like(red)] * (len(self.classes) - 2)
        return np.stack([red, 1 - red, *unseen], axis=1)

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.where(self.probabilities(images)[:, 0] > 0.5, "basophil", "monocyte")


def quadrant_means(images: np.ndarray) -> np.ndarray:
    """In the place of Inception: mean levels of quarters, which mirroring swaps."""
    half = images.shape[1] // 2
    quarters = [images[:, y : y + half, x : x + half].mean(axis=(1, 2)) for y in (0, half) for x in (0, half)]
    return np.concatenate(quarters, axis=1).astype(np.float32) / 255


def random_images(count: int, seed: int, *, red: bool, side: int = 16) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 120, (count, 8, 8, 3))
    coarse[..., 0] += 130 if red else 0
    return coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2).astype(np.uint8)


def real_features_of(
    images: Images, ids: np.ndarray, extract: FeatureExtractor, perceptual: Any, *, most: int, seed: int
) -> RealImageFeatures:
    """What the judges saw in training images, of which `most` a class are references."""
    rows = pd.DataFrame({"image_id": pd.array(ids, dtype="str"), "label": pd.array(images.labels, dtype="str")})
    rows["hash"] = draws(rows["image_id"], seed=seed)
    order = rows.sort_values(["label", "hash"]).index.to_numpy()
    rows = rows.loc[order, ["image_id", "label"]].reset_index(drop=True)
    rows["kind"] = pd.array(["training"] * len(rows), dtype="str")
    rows["reference"] = rows.groupby("label").cumcount() < most
    return look(rows, images.pixels[order], extract, perceptual)


def copy_search(
    images: Images, ids: np.ndarray, real: RealImageFeatures, perceptual: Any, *, quantile: float
) -> CopyDetector:
    """The references among training images, to be searched."""
    place = {image: k for k, image in enumerate(ids)}
    references = {str(label): real.references(str(label)) for label in np.unique(images.labels)}
    pixels = {label: images.pixels[[place[image] for image in mine]] for label, mine in references.items()}
    have = {label: int((images.labels == label).sum()) for label in references}
    return CopyDetector(pixels, references, real.distances(), perceptual, quantile=quantile, have=have)


def build_gate(
    images: Images, ids: np.ndarray, judge: Any, extract: FeatureExtractor, perceptual: Any, settings: GateSettings,
    *, most: int, seed: int,
) -> Gate:  # fmt: skip
    """A gate that compares with training images."""
    real = real_features_of(images, ids, extract, perceptual, most=most, seed=seed)
    copies = copy_search(images, ids, real, perceptual, quantile=settings.copy_quantile)
    return Gate(copies, {label: real.seen(mine) for label, mine in copies.ids.items()}, judge, settings)
