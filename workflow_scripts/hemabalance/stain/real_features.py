"""Inception features of the unmapped evaluation images: computed once, as they are the same for all normalisers."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hemabalance.metrics.inception_features import InceptionFeatures
from hemabalance.stain.data import PairImages, decode_domain
from hemabalance.stain.normalizer import DOMAINS, Domain
from hemabalance.training.device import Runtime
from hemabalance.training.tensorfile import read_tensors, write_tensors

KIND = "features"
_BATCH = 32  # images per forward pass; affects features by rounding only

FeatureExtractor = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 (n, height, width, 3) -> Inception features float32 (n, 2048)."""


def inception_features(weights: Path, runtime: Runtime) -> InceptionFeatures:
    """The network of FID and KID, on the device of the runtime."""
    return InceptionFeatures(weights, device=runtime.device, batch=_BATCH)


def real_features(
    images: PairImages, rows: pd.DataFrame, extract: FeatureExtractor, *, threads: int
) -> dict[Domain, np.ndarray]:
    """Features by domain, float32 (n, 2048), of the images in `rows`, in the same order."""
    return {domain: extract(decode_domain(images, rows, domain, threads=threads)[1]) for domain in DOMAINS}


def write_real_features(path: Path, features: Mapping[Domain, np.ndarray]) -> None:
    """Write the features of `real_features` to a safetensors file."""
    write_tensors(path, {domain: torch.from_numpy(values) for domain, values in features.items()}, KIND, {})


def read_real_features(path: Path) -> dict[Domain, np.ndarray]:
    """Read a file that `write_real_features` wrote.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    _, tensors = read_tensors(path, KIND, "Delete it and run the workflow again")
    return {domain: tensors[domain].numpy() for domain in DOMAINS}
