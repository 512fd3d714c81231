"""Multinomial logistic regression on frozen MobileNetV2 features (trained on ImageNet)."""

from pathlib import Path

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from hemabalance.classify.settings import FrozenFeatureSettings
from hemabalance.classify.sklearn_model import FROZEN, Arrays
from hemabalance.errors import InputError
from hemabalance.metrics import imagenet_weights
from hemabalance.metrics.imagenet_features import ImageNetFeatures
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob, Images

_BATCH = 64
_MAX_ITERATIONS = 2000


class LinearClassifier:
    """A `sklearn_model.SklearnEstimator`. Subclasses transform the features, or add some to those of the images.

    Args:
        settings: settings of the method.
        runtime: device of the frozen network.
    """

    def __init__(self, settings: FrozenFeatureSettings, runtime: Runtime) -> None:
        self.settings, self.runtime = settings, runtime
        self._extractor: ImageNetFeatures | None = None

    def fit(self, images: Images, targets: np.ndarray, job: FitJob) -> Arrays:
        """Weights float64 (classes, 1280) and biases (classes,) on standardised features, their mean and scale.

        Raises:
            InputError: all images are of one class, or the frozen weights are missing, damaged or of another version.
        """
        if targets.max() == 0:
            remedy = "Provide archives with images of other classes, or remove the model from classify.experiments"
            raise InputError("training images", "are all of one class; logistic regression needs two", remedy)
        self._extractor = self._open_extractor(imagenet_weights.WEIGHTS.load(Path(self.settings.imagenet_file)))
        features = self.transformed(self._extractor(images.pixels).astype(np.float64))
        features, targets = self.examples(features, targets, job.seed)
        scaler = StandardScaler().fit(features)
        class_weight = "balanced" if self.settings.balanced else None
        model = LogisticRegression(C=self.settings.C, class_weight=class_weight, max_iter=_MAX_ITERATIONS)
        model.fit(scaler.transform(features), targets)
        coefficients, intercept = model.coef_, model.intercept_
        if len(coefficients) == 1:  # scikit-learn returns one row for two classes
            coefficients, intercept = (np.concatenate((np.zeros_like(row), row)) for row in (coefficients, intercept))
        frozen = {f"{FROZEN}{name}": array for name, array in self._extractor.weights().items()}
        return frozen | {
            "coefficients": coefficients, "intercept": intercept, "mean": scaler.mean_, "scale": scaler.scale_
        }  # fmt: skip

    def transformed(self, features: np.ndarray) -> np.ndarray:
        """The features that the classifier sees, of those of the network, both (n, 1280)."""
        return features

    def examples(self, features: np.ndarray, targets: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Features (m, 1280) and targets (m,) to fit the classifier on, from those of the n training images."""
        return features, targets

    def log_probabilities(self, arrays: Arrays, pixels: np.ndarray) -> np.ndarray:
        """Log-probabilities float64 (n, classes)."""
        if self._extractor is None:
            self._extractor = self._open_extractor(
                {k.removeprefix(FROZEN): v for k, v in arrays.items() if k.startswith(FROZEN)}
            )
        features = (self.transformed(self._extractor(pixels)) - arrays["mean"]) / arrays["scale"]
        scores: np.ndarray = log_softmax(features @ arrays["coefficients"].T + arrays["intercept"], axis=1)
        return scores

    def _open_extractor(self, weights: Arrays) -> ImageNetFeatures:
        return ImageNetFeatures(weights, self.settings.input_size, self.runtime.device, _BATCH)
