"""No normalisation: the baseline of all methods."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hemabalance.stain.classical import description, write_empty_history
from hemabalance.stain.methods.none import IdentitySettings
from hemabalance.stain.normalizer import Domain, Normalizer, StainData, Transformed
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_tensors, save_tensors


def build(settings: IdentitySettings, *, size: int, runtime: Runtime) -> Normalizer:
    """A normaliser that changes nothing."""
    return _IdentityNormalizer(description("none", settings, size))


class _IdentityNormalizer:
    parameters = 0

    def __init__(self, description: Mapping[str, object]) -> None:
        self.description = description

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        start = time.monotonic()
        write_empty_history(job.history)
        return TrainingResult(0, time.monotonic() - start)

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        return Transformed(images, np.zeros(len(images), bool))

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        raise TypeError("none has no inverse")

    def save(self, path: Path) -> None:
        save_tensors(path, {}, self.description)

    def load(self, path: Path) -> None:
        load_tensors(path, self.description)
