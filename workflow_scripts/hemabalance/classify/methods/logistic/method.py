"""Multinomial logistic regression on features that MobileNetV2 learned on ImageNet: the line to beat.

No network is trained. What it cannot beat is not worth its training.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from hemabalance.classify.methods.logistic import LogisticSettings
from hemabalance.classify.sklearn_model import FROZEN, Arrays, SklearnModel
from hemabalance.errors import InputError
from hemabalance.metrics import imagenet_weights
from hemabalance.metrics.imagenet_features import ImageNetFeatures
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob, Images

_AT_ONCE = 64
_ITERATIONS = 2000


class Logistic:
    """A `statistical.SklearnEstimator`.

    Args:
        settings: of the method.
        runtime: where the frozen network runs.
    """

    def __init__(self, settings: LogisticSettings, runtime: Runtime) -> None:
        self.settings, self.runtime = settings, runtime
        self._extractor: ImageNetFeatures | None = None

    def fit(self, images: Images, targets: np.ndarray, job: FitJob) -> Arrays:
        """Weights float64 (classes, 1280) and biases (classes,) on standardised features, their mean and scale.

        Raises:
            InputError: images of a single class; the frozen weights are missing, damaged or others.
        """
        if targets.max() == 0:
            remedy = "Give the archives images of other classes, or leave the model out"
            raise InputError("training images", "are all of one class, where logistic regression needs two", remedy)
        self._extractor = self._opened(imagenet_weights.WEIGHTS.load(Path(self.settings.features)))
        features = self._extractor(images.pixels).astype(np.float64)
        scaler = StandardScaler().fit(features)
        weighing = "balanced" if self.settings.balanced else None
        model = LogisticRegression(C=self.settings.C, class_weight=weighing, max_iter=_ITERATIONS)
        model.fit(scaler.transform(features), targets)
        coefficients, intercept = model.coef_, model.intercept_
        if len(coefficients) == 1:  # of two classes the second's alone
            coefficients, intercept = (np.concatenate((np.zeros_like(x), x)) for x in (coefficients, intercept))
        frozen = {f"{FROZEN}{name}": array for name, array in self._extractor.weights().items()}
        return frozen | {
            "coefficients": coefficients, "intercept": intercept, "mean": scaler.mean_, "scale": scaler.scale_
        }  # fmt: skip

    def log_probabilities(self, arrays: Arrays, pixels: np.ndarray) -> np.ndarray:
        """Float64 (n, classes)."""
        if self._extractor is None:
            self._extractor = self._opened(
                {k.removeprefix(FROZEN): v for k, v in arrays.items() if k.startswith(FROZEN)}
            )
        features = (self._extractor(pixels) - arrays["mean"]) / arrays["scale"]
        scores: np.ndarray = log_softmax(features @ arrays["coefficients"].T + arrays["intercept"], axis=1)
        return scores

    def _opened(self, weights: Arrays) -> ImageNetFeatures:
        return ImageNetFeatures(weights, self.settings.input_size, self.runtime.device, _AT_ONCE)


def build(settings: LogisticSettings, *, classes: Sequence[str], size: int, runtime: Runtime) -> SklearnModel:
    """An untrained model."""
    return SklearnModel("logistic", Logistic(settings, runtime), settings, classes=classes, size=size, runtime=runtime)
