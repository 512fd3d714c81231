"""Shortcut probes: how well source, class or origin can be predicted from colour statistics alone.

If stain depends on the class, a classifier can predict the class from the background, and its accuracy on such images
is no evidence that it recognises cells.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from hemabalance.metrics.colour_statistics import COLUMNS, colour_statistics
from hemabalance.metrics.probes import probe

_MOMENTS = [index for index, name in enumerate(COLUMNS) if name.endswith(("_mean", "_std"))]


def colour_features(images: np.ndarray) -> dict[str, np.ndarray]:
    """Two sets of colour statistics for each image.

    Args:
        images: RGB uint8 (n, h, w, 3).

    Returns:
        `colour`, float64 (n, 12): mean and standard deviation of each channel of RGB and CIELAB;
        `colour_percentiles`, float64 (n, 42): in addition percentiles, which are sensitive to noise and clipping.
    """
    statistics = colour_statistics(images)
    return {"colour": statistics[:, _MOMENTS], "colour_percentiles": statistics}


def shortcuts(
    features: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], groups: np.ndarray, *, folds: int, seed: int
) -> list[dict[str, Any]]:
    """Probe each target with each kind of features (`metrics.probes.probe`).

    Args:
        features: name -> float (n, k).
        targets: name -> str (n,).
        groups: (n,), such as groups of copies; see `probe`.
        folds, seed: see `probe`.

    Returns:
        Rows of `target, features` and the fields of `Probe`, ordered by features, then target.
    """
    return [
        {"target": target, "features": name, **asdict(probe(values, labels, groups, folds=folds, seed=seed))}
        for name, values in features.items()
        for target, labels in targets.items()
    ]
