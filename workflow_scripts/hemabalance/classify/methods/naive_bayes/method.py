"""Gaussian naive Bayes on a few pixels, one of the methods that the thesis compares with (Fig. 52).

The thesis does not state the features. Here they are the channels of the image averaged to `side` x `side` pixels.
A side of 16 shows the position of the nucleus and its colours. More pixels depend on one another more strongly and
only make the predicted probabilities more extreme.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import logsumexp
from sklearn.naive_bayes import GaussianNB
from torch.nn.functional import adaptive_avg_pool2d

from hemabalance.classify.methods.naive_bayes import NaiveBayesSettings
from hemabalance.classify.sklearn_model import Arrays, SklearnModel
from hemabalance.errors import InputError
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob, Images

_BATCH = 256


@dataclass(frozen=True)
class NaiveBayes:
    """A `sklearn_model.SklearnEstimator`."""

    settings: NaiveBayesSettings

    def fit(self, images: Images, targets: np.ndarray, job: FitJob) -> Arrays:
        """Mean and variance (classes, features) and the logarithm of the prior (classes,), float64."""
        model = GaussianNB(var_smoothing=self.settings.var_smoothing)
        model.fit(reduced(images.pixels, self.settings.side), targets)
        return {"mean": model.theta_, "variance": model.var_, "log_prior": np.log(model.class_prior_)}

    def log_probabilities(self, arrays: Arrays, pixels: np.ndarray) -> np.ndarray:
        """log p(class) + sum over features of log N(feature; mean, variance), normalised: float64 (n, classes)."""
        features, variance = reduced(pixels, self.settings.side), arrays["variance"]
        joint = np.empty((len(features), len(variance)))
        for k, mean in enumerate(arrays["mean"]):
            distance = np.square(features - mean) / variance[k]
            joint[:, k] = arrays["log_prior"][k] - (np.log(2 * np.pi * variance[k]) + distance).sum(1) / 2
        normalised: np.ndarray = joint - logsumexp(joint, axis=1, keepdims=True)
        return normalised


def reduced(pixels: np.ndarray, side: int) -> np.ndarray:
    """Images averaged to `side` x `side` pixels and flattened: uint8 (n, h, w, 3) to float64 (n, 3 side²) in [0, 1]."""
    batches = [np.empty((0, 3 * side**2))]
    for first in range(0, len(pixels), _BATCH):
        # torch.tensor copies: torch.from_numpy warns about a read-only memory map.
        batch = torch.tensor(np.ascontiguousarray(pixels[first : first + _BATCH])).permute(0, 3, 1, 2)
        batches.append(adaptive_avg_pool2d(batch.double() / 255, side).flatten(1).numpy())
    return np.concatenate(batches)


def build(settings: NaiveBayesSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> SklearnModel:
    """An untrained model.

    Raises:
        InputError: `side` is larger than the images.
    """
    if settings.side > size:
        problem = f"is {settings.side} px, but the images have {size} px"
        raise InputError("config key side", problem, f"Set it to at most {size}")
    return SklearnModel("naive_bayes", NaiveBayes(settings), settings, classes=classes, size=size, runtime=runtime)
