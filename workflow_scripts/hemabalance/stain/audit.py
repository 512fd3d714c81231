"""Audit: how well the source, and the class, can be predicted from an image's colour alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.metrics.shortcuts import colour_features, shortcuts
from hemabalance.stain.direction import Direction, target_domains, why_no_shared_labels
from hemabalance.stain.normalizer import DOMAINS, Pair, other_domain
from hemabalance.stain.views import Views


def audit(
    views: Views,
    split: pd.DataFrame,
    directions: Sequence[Direction],
    *,
    classes: tuple[str, ...] | None,
    folds: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Predict the source and the class from colour statistics and from Inception features, for each direction.

    A probe is a logistic regression, cross-validated with copies kept in one fold. The images are those of both
    sources, each in the stain that the direction gives it, so that `per_class` shows how far stain becomes a
    function of the class.

    Args:
        views: mapped images and features of both sources.
        split: one row per image after cleaning; `per_class` counts its images.
        directions: of `direction.DIRECTIONS`, or `none`.
        classes: the classes that `per_class` maps; None: all that both sources have.
        folds: of the cross-validation.
        seed: of the folds and intervals.

    Returns:
        Rows `direction, target` (`source`, `label`)`, features` and the values of the probe. `features` are `colour`
        and `colour_percentiles` (see `metrics.shortcuts.colour_features`), and `inception`. Without classes that both
        sources have, the values of the target `label` are None, with the reason.
    """
    colours = {("real", d): colour_features(views.by_domain[d].real) for d in DOMAINS}
    colours |= {("mapped", d): colour_features(views.by_domain[d].mapped) for d in DOMAINS}
    feature_kinds = {name: {key: values[name] for key, values in colours.items()} for name in colours["real", "a"]}
    feature_kinds["inception"] = views.features
    rows = pd.concat([views.by_domain[d].rows for d in DOMAINS], ignore_index=True)
    targets = {target: rows[target].to_numpy(dtype=str) for target in ("source", "label")}
    groups = rows["group_id"].to_numpy(dtype=str)
    no_labels = why_no_shared_labels(split, views.pair)
    audit_rows = []
    for direction in directions:
        domains = pd.Series(target_domains(split, direction, classes, views.pair).to_numpy(), index=split["image_id"])
        features = {
            name: _features_in_stain(rows, domains, values, views.pair) for name, values in feature_kinds.items()
        }
        probe_rows = shortcuts(features, targets, groups, folds=folds, seed=seed)
        audit_rows += [{"direction": direction, **_with_reason(row, no_labels)} for row in probe_rows]
    return audit_rows


def _with_reason(row: dict[str, Any], no_labels: str | None) -> dict[str, Any]:
    """Give a probe of the class the reason for having no value: all its images have one label."""
    return row if no_labels is None or row["target"] != "label" else row | {"left_out": (), "reason": no_labels}


def _features_in_stain(
    rows: pd.DataFrame, target_by_id: pd.Series, features: dict[tuple[str, Any], np.ndarray], pair: Pair
) -> np.ndarray:
    """Features of each image, mapped where the direction maps the image, else real; in the order of `rows`."""
    parts = []
    for domain in DOMAINS:
        image_ids = rows.loc[rows["source"] == pair[domain], "image_id"]
        mapped = (image_ids.map(target_by_id) == other_domain(domain)).to_numpy()
        parts.append(np.where(mapped[:, None], features["mapped", domain], features["real", domain]))
    return np.concatenate(parts)
