"""What colour alone gives away: probes of the source, the class or the origin from statistics of colours.

Where stain is a function of the class, a classifier can read the class off the background, and accuracy on such images
says nothing of cells.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from hemabalance.metrics.colour_statistics import COLUMNS, colour_statistics
from hemabalance.metrics.probes import probe

_MOMENTS = [place for place, name in enumerate(COLUMNS) if name.endswith(("_mean", "_std"))]


def colour_features(images: np.ndarray) -> dict[str, np.ndarray]:
    """Two sets of colour statistics of each image.

    Args:
        images: RGB uint8 (n, h, w, 3).

    Returns:
        `colour`, float64 (n, 12): mean and standard deviation of each channel of RGB and CIELAB;
        `colour_percentiles`, float64 (n, 42): percentiles besides, which also see noise and clipping at both ends.
    """
    statistics = colour_statistics(images)
    return {"colour": statistics[:, _MOMENTS], "colour_percentiles": statistics}


def shortcuts(
    features: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], groups: np.ndarray, *, folds: int, seed: int
) -> list[dict[str, Any]]:
    """Probe each target from each kind of features: `metrics.probes.probe`, copies kept together.

    Args:
        features: name -> float (n, k).
        targets: name -> str (n,).
        groups: (n,), see `probe`.
        folds, seed: see `probe`.

    Returns:
        Rows `target, features` and the probe's own values, by features, then target.
    """
    return [
        {"target": target, "features": name, **asdict(probe(values, wanted, groups, folds=folds, seed=seed))}
        for name, values in features.items()
        for target, wanted in targets.items()
    ]
