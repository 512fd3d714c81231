"""Inception features of the untouched images to measure on: the same for every normaliser, so computed once."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hemabalance.metrics.inception_features import InceptionFeatures
from hemabalance.stain.data import DomainImageSets, decoded
from hemabalance.stain.normalizer import DOMAINS, Domain
from hemabalance.training.device import Runtime
from hemabalance.training.tensorfile import read_tensors, write_tensors

KIND = "features"
_BATCH = 32  # through Inception; without effect on the features

FeatureExtractor = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 (n, height, width, 3) -> Inception features float32 (n, 2048)."""


def inception_features(weights: Path, runtime: Runtime) -> InceptionFeatures:
    """The network of FID and KID, where the runtime is."""
    return InceptionFeatures(weights, device=runtime.device, batch=_BATCH)


def real_features(
    sets: DomainImageSets, rows: pd.DataFrame, extract: FeatureExtractor, *, threads: int
) -> dict[Domain, np.ndarray]:
    """By domain the features, float32 (n, 2048), of the chosen images in the order of `rows`."""
    return {domain: extract(decoded(sets, rows, domain, threads=threads)[1]) for domain in DOMAINS}


def write_real_features(path: Path, features: Mapping[Domain, np.ndarray]) -> None:
    """Write what `real_features` gave."""
    write_tensors(path, {domain: torch.from_numpy(values) for domain, values in features.items()}, KIND, {})


def read_real_features(path: Path) -> dict[Domain, np.ndarray]:
    """What `write_real_features` wrote.

    Raises:
        InputError: the file is missing, damaged or another one.
    """
    _, tensors = read_tensors(path, KIND, "Delete it and run the workflow again")
    return {domain: tensors[domain].numpy() for domain in DOMAINS}
