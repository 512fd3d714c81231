"""How often the asked class is recognised along a training, by a classifier that no generator ever used."""

import json
from typing import Any

import numpy as np

from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.intervals import wilson
from hemabalance.training.classifier import Classifier


def agreement_by_step(snapshots: ImageSet, judge: Classifier, *, threads: int) -> list[dict[str, Any]]:
    """Share of snapshots that an independent classifier takes for the class they were asked for.

    Args:
        snapshots: images made along a training (`snapshots.Snapshots.write`).
        judge: trained on real training images alone.
        threads: decoders at once.

    Returns:
        Rows `label` (a class, or `all`)`, step, n, agree, rate, low, high` (Wilson), by class and step; empty where
        no snapshots were taken.
    """
    if not len(snapshots):
        return []
    labels = snapshots.index["label"].to_numpy(dtype=str)
    steps = snapshots.index["provenance"].map(lambda text: json.loads(text)["step"]).to_numpy()
    agrees = judge.predict(snapshots.decode_all(threads=threads)) == labels
    rows = []
    for label in ("all", *sorted(set(labels.tolist()))):
        mine = np.ones(len(labels), bool) if label == "all" else labels == label
        for step in sorted(set(steps[mine].tolist())):
            here = agrees[mine & (steps == step)]
            rate = wilson(int(here.sum()), len(here))
            row = {"label": label, "step": int(step), "n": len(here), "agree": int(here.sum())}
            rows.append(row | {"rate": rate.value, "low": rate.low, "high": rate.high})
    return rows
