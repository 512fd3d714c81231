"""How much of the source, and of the class, an image's colour alone gives away."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.colour_statistics import COLUMNS, colour_statistics
from hemabalance.metrics.probes import probe
from hemabalance.stain.direction import Direction, targets
from hemabalance.stain.normalizer import DOMAINS, other
from hemabalance.stain.views import Views
from hemabalance.taxonomy import SOURCE_OF

_MOMENTS = [place for place, name in enumerate(COLUMNS) if name.endswith(("_mean", "_std"))]


def audit(
    views: Views,
    split: pd.DataFrame,
    directions: Sequence[Direction],
    *,
    classes: tuple[str, ...],
    folds: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Probe the source and the class, from colour statistics and from Inception features, for each direction.

    A probe is a logistic regression, cross-validated with copies kept together. The images are those of both
    sources, each in the stain that the direction gives it, so that `per_class` shows how far stain becomes a
    function of the class.

    Args:
        views: mapped images and features of both sources.
        split: one row an image after cleaning; what `per_class` counts.
        directions: of `direction.DIRECTIONS`, or `none`.
        classes: those that `per_class` maps.
        folds: of the cross-validation.
        seed: of the folds and intervals.

    Returns:
        Rows `direction, target` (`source`, `label`)`, features` and the probe's own values. `colour`: mean and standard
        deviation of each channel of RGB and CIELAB; `colour_percentiles`: percentiles besides, which also see noise
        and clipping at both ends; `inception`.
    """
    percentiles = {("real", d): colour_statistics(views.of[d].real) for d in DOMAINS}
    percentiles |= {("mapped", d): colour_statistics(views.of[d].mapped) for d in DOMAINS}
    colours = {key: values[:, _MOMENTS] for key, values in percentiles.items()}
    rows = pd.concat([views.of[d].rows for d in DOMAINS], ignore_index=True)
    groups = rows["group_id"].to_numpy(dtype=str)
    found = []
    for direction in directions:
        aims = pd.Series(targets(split, direction, classes).to_numpy(), index=split["image_id"])
        for name, features in (
            ("colour", colours),
            ("colour_percentiles", percentiles),
            ("inception", views.features),
        ):
            chosen = _chosen(rows, aims, features)
            for target in ("source", "label"):
                result = probe(chosen, rows[target].to_numpy(dtype=str), groups, folds=folds, seed=seed)
                found.append({"direction": direction, "target": target, "features": name, **asdict(result)})
    return found


def _chosen(rows: pd.DataFrame, aims: pd.Series, features: dict[tuple[str, Any], np.ndarray]) -> np.ndarray:
    """Of each image its mapped features where the direction maps it, else its real ones; in the order of `rows`."""
    parts = []
    for domain in DOMAINS:
        mine = rows.loc[rows["source"] == SOURCE_OF[domain], "image_id"]
        mapped = (mine.map(aims) == other(domain)).to_numpy()
        parts.append(np.where(mapped[:, None], features["mapped", domain], features["real", domain]))
    return np.concatenate(parts)
