"""Out-of-distribution detection: is an image similar to the training images, in appearance and in the model's logits?

Each image is described by some thirty numbers (`appearance` and its logits). The real training images of each source
are modelled by the mean and the covariance of these numbers, shrunk after Ledoit and Wolf (J. Multivariate Analysis 88,
2004). The distance of an image is its Mahalanobis distance to the nearest source (Lee et al., NeurIPS 2018,
arXiv:1807.03888, who use the inner features of the network). The threshold is a quantile of the distances of the
validation images; images beyond it are flagged.

The detector recognises images that do not show a stained cell. It may miss a cell of another class in a familiar stain.
It also keeps the numbers of each training image, to tell how similar the nearest ones are to a new image; the images
themselves cannot be restored from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from hemabalance.errors import InputError
from hemabalance.training.weights import load_tensors, read_description, save_tensors

KIND, VERSION = "out_of_distribution", 1
MIN_GROUP_IMAGES = 50
"""Sources with fewer images have no group of their own; a group of all images is added for them."""

MIN_IMAGES = 10
_SCALES = 4
_BATCH = 256


def appearance(pixels: np.ndarray) -> np.ndarray:
    """Statistics of colour, contrast and texture of each image, independent of the model.

    Args:
        pixels: RGB uint8 (n, s, s, 3), s at least 16.

    Returns:
        float64 (n, 15), all logarithms as log(1 + x): mean of each channel (3); mean of the central half minus the mean
        of the image, by channel (3); logarithm of the standard deviation of each channel (3) and of red minus green and
        blue minus green (2); logarithm of the mean absolute difference of neighbouring pixels of the mean channel, at
        full resolution and at 1/2, 1/4 and 1/8 of it (4).
    """
    batches = [np.empty((0, 11 + _SCALES))]
    for first in range(0, len(pixels), _BATCH):
        batch = torch.from_numpy(np.array(pixels[first : first + _BATCH]))
        batches.append(_statistics(batch.permute(0, 3, 1, 2).float().contiguous()).double().numpy())
    return np.concatenate(batches)


def _statistics(x: Tensor) -> Tensor:
    """`appearance` of float32 (n, 3, s, s) from 0 to 255."""
    quarter = x.shape[2] // 4
    middle = x[:, :, quarter:-quarter, quarter:-quarter].mean((2, 3))
    chroma = x[:, ::2] - x[:, 1:2]
    mean = x.mean((2, 3))
    spreads = torch.cat([_deviation(x), _deviation(chroma), _differences(x.mean(1, keepdim=True))], dim=1)
    return torch.cat([mean, middle - mean, spreads.log1p()], dim=1)


def _deviation(x: Tensor) -> Tensor:
    """Standard deviation of each channel."""
    return x.std((2, 3), correction=0)


def _differences(grey: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, rows plus columns, at each scale: (n, 1, s, s) to (n, scales)."""
    differences = []
    for _ in range(_SCALES):
        differences.append(sum((grey.diff(dim=axis).abs().mean((2, 3)) for axis in (2, 3)), torch.zeros(1)))
        grey = avg_pool2d(grey, 2)
    return torch.cat(differences, dim=1)


@dataclass(frozen=True)
class OutOfDistributionDetector:
    """A fitted detector.

    Attributes:
        centre, scale: mean and scale of each number over all training images, float64 (k,).
        means: mean of each group of images, float64 (groups, k), standardised with `centre` and `scale`.
        precisions: inverse covariance of each group, float64 (groups, k, k), in the same units.
        threshold: distance above which an image is out of distribution.
        quantile: quantile of the validation images' distances at the threshold.
        training, validation: numbers of images used.
        examples: the numbers of each training image, float16 (training, k), standardised with `centre` and `scale`;
            None in files of earlier versions.
    """

    centre: np.ndarray
    scale: np.ndarray
    means: np.ndarray
    precisions: np.ndarray
    threshold: float
    quantile: float
    training: int
    validation: int
    examples: np.ndarray | None = None

    def distances(self, pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Mahalanobis distance of each image to the nearest group.

        Args:
            pixels: RGB uint8 (n, s, s, 3), of the same size as in `fit_detector`.
            logits: the model's logits, float (n, classes), finite.

        Returns:
            float64 (n,).
        """
        offsets = self._standardised(pixels, logits)[:, None] - self.means
        squares = np.einsum("ngi,gij,ngj->ng", offsets, self.precisions, offsets)
        nearest: np.ndarray = np.sqrt(np.maximum(squares, 0)).min(1)
        return nearest

    def out_of_distribution(self, pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Which images are out of distribution, bool (n,); arguments as `distances`."""
        flags: np.ndarray = self.distances(pixels, logits) > self.threshold
        return flags

    def similarities(self, pixels: np.ndarray, logits: np.ndarray, nearest: int) -> np.ndarray:
        """Similarity of each image to the training images that are nearest to it.

        It is exp(-d² / 2k), where d is the Euclidean distance of the k standardised numbers: 1 for equal numbers, about
        exp(-1) = 0.37 for two training images drawn at random (the mean of their d² is 2k), 0 for nothing in common.

        Args:
            pixels, logits: as for `distances`.
            nearest: number of training images, at least 1.

        Returns:
            float32 (n, nearest) in [0, 1], the most similar first; NaN where there is no such training image, or the
            detector has no examples.
        """
        found = np.full((len(pixels), nearest), np.nan, np.float32)
        if self.examples is None:
            return found
        numbers, examples = self._standardised(pixels, logits), self.examples.astype(np.float64)
        squares = (numbers**2).sum(1)[:, None] + (examples**2).sum(1) - 2 * numbers @ examples.T
        least = np.sort(np.maximum(squares, 0), axis=1)[:, :nearest]
        found[:, : least.shape[1]] = np.exp(-least / (2 * numbers.shape[1]))
        return found

    def _standardised(self, pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """The numbers of each image in units of the training images, float64 (n, k)."""
        numbers: np.ndarray = (_numbers(pixels, logits) - self.centre) / self.scale
        return numbers

    def save(self, path: Path) -> None:
        """Write the detector as safetensors, atomically."""
        arrays = {name: getattr(self, name) for name in ("centre", "scale", "means", "precisions")}
        numbers = {name: getattr(self, name) for name in ("threshold", "quantile", "training", "validation")}
        if self.examples is not None:
            arrays["examples"] = self.examples
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        save_tensors(path, tensors, {"kind": KIND, "version": VERSION, **numbers})


def read_detector(path: Path) -> OutOfDistributionDetector:
    """Read a file of `OutOfDistributionDetector.save`.

    Raises:
        InputError: the file is missing, truncated, no detector, or of another version.
    """
    description = read_description(path)
    if (description.get("kind"), description.get("version")) != (KIND, VERSION):
        problem = "is no out-of-distribution detector of this version"
        raise InputError(path, problem, "Use the version of hemabalance that wrote it")
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in load_tensors(path, description).items()}
    return OutOfDistributionDetector(**arrays, **{k: v for k, v in description.items() if k not in ("kind", "version")})


def fit_detector(
    pixels: np.ndarray,
    logits: np.ndarray,
    sources: np.ndarray,
    validation_pixels: np.ndarray,
    validation_logits: np.ndarray,
    *,
    quantile: float,
) -> OutOfDistributionDetector:
    """Fit a detector to the training images of a model, with its threshold from the validation images.

    Args:
        pixels: real training images, RGB uint8 (n, s, s, 3), at the model's input size.
        logits: the model's logits of them, float (n, classes).
        sources: source of each image, str (n,).
        validation_pixels, validation_logits: real validation images and their logits; if empty, the training images
            set the threshold.
        quantile: quantile of the distances that becomes the threshold, below 1.

    Raises:
        InputError: there are fewer than ten training images.
    """
    if len(pixels) < MIN_IMAGES:
        problem = f"are too few ({len(pixels)}) to fit an out-of-distribution detector"
        raise InputError(
            "real training images", problem, f"Provide archives with at least {MIN_IMAGES} training images"
        )
    numbers = _numbers(pixels, logits)
    centre, spread = numbers.mean(0), numbers.std(0)
    # A constant, such as the logit of a class without training images, is not rescaled.
    scale = np.where(spread > 1e-6, spread, 1.0)
    standardised = (numbers - centre) / scale
    moments = [_mean_and_precision(standardised[group]) for group in _groups(sources)]
    means, precisions = (np.stack(values) for values in zip(*moments, strict=True))
    fitted = OutOfDistributionDetector(
        centre=centre,
        scale=scale,
        means=means,
        precisions=precisions,
        threshold=np.inf,
        quantile=quantile,
        training=len(pixels),
        validation=len(validation_pixels),
        examples=standardised.astype(np.float16),
    )
    if len(validation_pixels):
        distances = fitted.distances(validation_pixels, validation_logits)
    else:
        distances = fitted.distances(pixels, logits)
    return replace(fitted, threshold=float(np.quantile(distances, quantile)))


def _groups(sources: np.ndarray) -> Iterator[np.ndarray]:
    """Bool (n,) for each group: every large source, and all images together if any source is small."""
    names, counts = np.unique(sources, return_counts=True)
    for name in names[counts >= MIN_GROUP_IMAGES]:
        yield sources == name
    if (counts < MIN_GROUP_IMAGES).any():
        yield np.ones(len(sources), bool)


def _mean_and_precision(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.covariance import LedoitWolf  # slow to import, and not needed for prediction

    estimate = LedoitWolf().fit(numbers)
    # Numbers that are constant among few images may vary slightly in others.
    covariance = estimate.covariance_ + 1e-3 * np.eye(numbers.shape[1])
    return estimate.location_, np.linalg.inv(covariance)


def _numbers(pixels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Appearance and logits, float64 (n, 15 + classes)."""
    # arcsinh leaves small logits nearly unchanged and compresses log-probabilities of -10,000.
    return np.concatenate([appearance(pixels), np.arcsinh(np.asarray(logits, np.float64))], axis=1)
