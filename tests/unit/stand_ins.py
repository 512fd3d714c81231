"""In the place of networks that look at images: what they would say is known."""

import numpy as np
import torch


class Levels:
    """In the place of LPIPS: an embedding is the image itself, so a distance is the mean squared difference."""

    device = torch.device("cpu")

    def embed(self, images: np.ndarray) -> np.ndarray:
        width = int(np.prod(images.shape[1:]))
        return images.reshape(len(images), width).astype(np.float32) / np.float32(255 * width**0.5)

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((self.embed(a) - self.embed(b)) ** 2).sum(axis=1)


class Redness:
    """In the place of the classifier: an image is a basophil as far as it is red, else a monocyte."""

    def __init__(self, *unseen: str) -> None:
        self.classes = ["basophil", "monocyte", *unseen]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        red = (images[..., 0].mean(axis=(1, 2)) / 255).astype(np.float32)
        unseen = [np.zeros_like(red)] * (len(self.classes) - 2)
        return np.stack([red, 1 - red, *unseen], axis=1)

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.where(self.probabilities(images)[:, 0] > 0.5, "basophil", "monocyte")


def means(images: np.ndarray) -> np.ndarray:
    """In the place of Inception: mean levels of quarters, which mirroring swaps."""
    half = images.shape[1] // 2
    quarters = [images[:, y : y + half, x : x + half].mean(axis=(1, 2)) for y in (0, half) for x in (0, half)]
    return np.concatenate(quarters, axis=1).astype(np.float32) / 255


def pictures(count: int, seed: int, *, red: bool, side: int = 16) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 120, (count, 8, 8, 3))
    coarse[..., 0] += 130 if red else 0
    return coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2).astype(np.uint8)
