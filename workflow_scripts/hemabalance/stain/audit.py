"""How much of the source, and of the class, an image's colour alone gives away."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.shortcuts import colour_features, shortcuts
from hemabalance.stain.direction import Direction, targets
from hemabalance.stain.normalizer import DOMAINS, other_domain
from hemabalance.stain.views import Views
from hemabalance.taxonomy import SOURCE_OF


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
        Rows `direction, target` (`source`, `label`)`, features` and the probe's own values. `colour` and
        `colour_percentiles` as `metrics.shortcuts.colour_features` gives them; `inception`.
    """
    colours = {("real", d): colour_features(views.of[d].real) for d in DOMAINS}
    colours |= {("mapped", d): colour_features(views.of[d].mapped) for d in DOMAINS}
    kinds = {name: {key: values[name] for key, values in colours.items()} for name in colours["real", "a"]}
    kinds["inception"] = views.features
    rows = pd.concat([views.of[d].rows for d in DOMAINS], ignore_index=True)
    goals = {target: rows[target].to_numpy(dtype=str) for target in ("source", "label")}
    groups = rows["group_id"].to_numpy(dtype=str)
    found = []
    for direction in directions:
        aims = pd.Series(targets(split, direction, classes).to_numpy(), index=split["image_id"])
        chosen = {name: _chosen(rows, aims, features) for name, features in kinds.items()}
        probed = shortcuts(chosen, goals, groups, folds=folds, seed=seed)
        found += [{"direction": direction, **row} for row in probed]
    return found


def _chosen(rows: pd.DataFrame, aims: pd.Series, features: dict[tuple[str, Any], np.ndarray]) -> np.ndarray:
    """Of each image its mapped features where the direction maps it, else its real ones; in the order of `rows`."""
    parts = []
    for domain in DOMAINS:
        mine = rows.loc[rows["source"] == SOURCE_OF[domain], "image_id"]
        mapped = (mine.map(aims) == other_domain(domain)).to_numpy()
        parts.append(np.where(mapped[:, None], features["mapped", domain], features["real", domain]))
    return np.concatenate(parts)
