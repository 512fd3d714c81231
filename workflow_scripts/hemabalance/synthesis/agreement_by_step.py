"""Share of snapshots whose requested class an independent classifier recognises, by training step."""

import json
from typing import Any

import numpy as np

from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.intervals import wilson
from hemabalance.training.classifier import Classifier


def agreement_by_step(snapshots: ImageSet, judge: Classifier, *, threads: int) -> list[dict[str, Any]]:
    """Share of snapshots that the classifier assigns to the requested class.

    Args:
        snapshots: images generated during training (`snapshots.Snapshots.write`).
        judge: classifier trained on real training images only.
        threads: number of images decoded in parallel.

    Returns:
        Rows `label` (a class, or `all`)`, step, n, agree, rate, low, high` (Wilson), by class and step; empty
        without snapshots.
    """
    if not len(snapshots):
        return []
    labels = snapshots.index["label"].to_numpy(dtype=str)
    steps = snapshots.index["provenance"].map(lambda text: json.loads(text)["step"]).to_numpy()
    agrees = judge.predict(snapshots.decode_all(threads=threads)) == labels
    rows = []
    for label in ("all", *sorted(set(labels.tolist()))):
        selected = np.ones(len(labels), bool) if label == "all" else labels == label
        for step in sorted(set(steps[selected].tolist())):
            agrees_at_step = agrees[selected & (steps == step)]
            count = int(agrees_at_step.sum())
            rate = wilson(count, len(agrees_at_step))
            row = {"label": label, "step": int(step), "n": len(agrees_at_step), "agree": count}
            rows.append(row | {"rate": rate.value, "low": rate.low, "high": rate.high})
    return rows
