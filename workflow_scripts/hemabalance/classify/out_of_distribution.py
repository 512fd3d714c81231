"""Is an image like those that the model learned from? Told by what it looks like and by what the model makes of it.

Each image becomes some thirty numbers (`appearance` and its logits). The real training images of each source are
described by the mean and the covariance of these, shrunk after Ledoit and Wolf (J. Multivariate Analysis 88, 2004); an
image is as far away as its Mahalanobis distance to the nearest source (Lee et al., NeurIPS 2018, arXiv:1807.03888, who
use a network's inner features). Farther than a given share of the held-back validation images is called unlike.

It notices what is no stained cell in the frame. A cell of a thirteenth class in the usual stain may pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hemabalance.errors import InputError
from hemabalance.training.weights import load_tensors, read_description, save_tensors

KIND, VERSION = "out_of_distribution", 1
LEAST_IMAGES = 50
"""Images of a source that are described on their own; those of a smaller one are described with all others."""

FEWEST = 10
_SCALES = 4
_AT_ONCE = 256


def appearance(pixels: np.ndarray) -> np.ndarray:
    """What an image looks like, whoever looks at it.

    Args:
        pixels: RGB uint8 (n, s, s, 3), s at least 16.

    Returns:
        float64 (n, 15): mean and logarithm of the standard deviation of each channel; the latter of red and blue less
        green; mean of the middle (half of each side) less that of all, by channel; logarithm of the mean step from
        pixel to pixel of the mean channel, in the image and in it halved once, twice and three times.
    """
    parts = [np.empty((0, 11 + _SCALES))]
    for first in range(0, len(pixels), _AT_ONCE):
        batch = torch.from_numpy(np.array(pixels[first : first + _AT_ONCE]))
        parts.append(_looked_at(batch.permute(0, 3, 1, 2).float().contiguous()).double().numpy())
    return np.concatenate(parts)


def _looked_at(x: Tensor) -> Tensor:
    """`appearance` of float32 (n, 3, s, s) from 0 to 255."""
    quarter = x.shape[2] // 4
    middle = x[:, :, quarter:-quarter, quarter:-quarter].mean((2, 3))
    chroma = x[:, ::2] - x[:, 1:2]
    mean = x.mean((2, 3))
    spreads = torch.cat([_deviation(x), _deviation(chroma), _steps(x.mean(1, keepdim=True))], dim=1)
    return torch.cat([mean, middle - mean, spreads.log1p()], dim=1)


def _deviation(x: Tensor) -> Tensor:
    return x.std((2, 3), correction=0)


def _steps(grey: Tensor) -> Tensor:
    """Mean step between neighbours, rows and columns together, at each scale: (n, 1, s, s) to (n, scales)."""
    found = []
    for _ in range(_SCALES):
        found.append(sum((grey.diff(dim=axis).abs().mean((2, 3)) for axis in (2, 3)), torch.zeros(1)))
        grey = avg_pool2d(grey, 2)
    return torch.cat(found, dim=1)


@dataclass(frozen=True)
class OutOfDistributionDetector:
    """What the training images look like.

    Attributes:
        centre, scale: of each number over all training images, float64 (k,).
        means: of each group of images, float64 (groups, k), in units of `scale` from `centre`.
        precisions: inverse covariances of each group, float64 (groups, k, k), in these units.
        threshold: distance beyond which an image is unlike them.
        quantile: of the validation images, at the threshold.
        training, validation: numbers of images behind all this.
    """

    centre: np.ndarray
    scale: np.ndarray
    means: np.ndarray
    precisions: np.ndarray
    threshold: float
    quantile: float
    training: int
    validation: int

    def distances(self, pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Mahalanobis distance of images to the nearest group.

        Args:
            pixels: RGB uint8 (n, s, s, 3), of the size that was fitted.
            logits: the model's, float (n, classes), finite.

        Returns:
            float64 (n,).
        """
        numbers = (_numbers(pixels, logits) - self.centre) / self.scale
        offsets = numbers[:, None] - self.means
        squares = np.einsum("ngi,gij,ngj->ng", offsets, self.precisions, offsets)
        nearest: np.ndarray = np.sqrt(np.maximum(squares, 0)).min(1)
        return nearest

    def out_of_distribution(self, pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Which images are unlike the training images, bool (n,); arguments as `distances`."""
        found: np.ndarray = self.distances(pixels, logits) > self.threshold
        return found

    def save(self, path: Path) -> None:
        """Write it as safetensors, atomically."""
        arrays = {name: getattr(self, name) for name in ("centre", "scale", "means", "precisions")}
        numbers = {name: getattr(self, name) for name in ("threshold", "quantile", "training", "validation")}
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        save_tensors(path, tensors, {"kind": KIND, "version": VERSION, **numbers})


def read_detector(path: Path) -> OutOfDistributionDetector:
    """Read what `OutOfDistributionDetector.save` wrote.

    Raises:
        InputError: the file is missing, truncated, foreign, or of another version.
    """
    described = read_description(path)
    if (described.get("kind"), described.get("version")) != (KIND, VERSION):
        problem = "does not say what training images look like in the way of this version"
        raise InputError(path, problem, "Use the version of hemabalance that it was made with")
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in load_tensors(path, described).items()}
    return OutOfDistributionDetector(**arrays, **{k: v for k, v in described.items() if k not in ("kind", "version")})


def fit_detector(
    pixels: np.ndarray,
    logits: np.ndarray,
    sources: np.ndarray,
    held_pixels: np.ndarray,
    held_logits: np.ndarray,
    *,
    quantile: float,
) -> OutOfDistributionDetector:
    """Describe the training images of a model, and find how far from them held-back ones lie.

    Args:
        pixels: real training images, RGB uint8 (n, s, s, 3), as the model takes them.
        logits: the model's for them, float (n, classes).
        sources: str (n,), the group of each image.
        held_pixels, held_logits: the same of validation images; where there is none, the training images themselves
            set the threshold.
        quantile: of their distances that the threshold is, below 1.

    Raises:
        InputError: fewer than ten training images.
    """
    if len(pixels) < FEWEST:
        problem = f"are too few ({len(pixels)}) to tell what is unlike them"
        raise InputError("real training images", problem, f"Give the archives at least {FEWEST} that training may see")
    numbers = _numbers(pixels, logits)
    centre, spread = numbers.mean(0), numbers.std(0)
    # A number that never varies, as the logit of a class without training images, is compared in its own units.
    scale = np.where(spread > 1e-6, spread, 1.0)
    described = [_described((numbers[chosen] - centre) / scale) for chosen in _groups(sources)]
    means, precisions = (np.stack(part) for part in zip(*described, strict=True))
    look = OutOfDistributionDetector(centre, scale, means, precisions, np.inf, quantile, len(pixels), len(held_pixels))
    compared = look.distances(held_pixels, held_logits) if len(held_pixels) else look.distances(pixels, logits)
    return OutOfDistributionDetector(**{**vars(look), "threshold": float(np.quantile(compared, quantile))})


def _groups(sources: np.ndarray) -> Iterator[np.ndarray]:
    """Bool (n,) of each group that is described: large sources, and all images where a source is small."""
    names, counts = np.unique(sources, return_counts=True)
    for name in names[counts >= LEAST_IMAGES]:
        yield sources == name
    if (counts < LEAST_IMAGES).any():
        yield np.ones(len(sources), bool)


def _described(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.covariance import LedoitWolf  # slow to import, and prediction does without

    fitted = LedoitWolf().fit(numbers)
    # What is constant among these few images may still vary a little in others.
    covariance = fitted.covariance_ + 1e-3 * np.eye(numbers.shape[1])
    return fitted.location_, np.linalg.inv(covariance)


def _numbers(pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    # The inverse hyperbolic sine leaves small logits as they are and keeps log-probabilities of -10,000 in reach.
    return np.concatenate([appearance(pixels), np.arcsinh(np.asarray(logits, np.float64))], axis=1)
