"""Tables of what trained classifiers reach on real test images, over all, by class and by source, and at what cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hemabalance.report.cells import NO_REASON, NOT_REPORTED, duration, interval, lacking, number
from hemabalance.report.classify.classifier_results import (
    HEADLINE,
    OF_CLASS,
    ClassifierResult,
    as_share,
    thesis_accuracy,
    thesis_scores_of_class,
    why_lacking,
)
from hemabalance.report.reported import reported
from hemabalance.taxonomy import CLASSES

Cells = dict[str, Any]

_TOLD_AS = {"sensitivity": "sensitivity", "specificity": "specificity", "one_vs_rest_accuracy": "accuracy"}
_MORE_OF_CLASS = ("auroc", "precision", "f1")
_NO_IMAGE = "no test image of this class"


def classify_tables(experiments: Sequence[ClassifierResult]) -> dict[str, pd.DataFrame]:
    """All tables of classifiers that were measured, one row a training; several protocols stand below each other.

    Args:
        experiments: at least one, in the order of the rows.

    Returns:
        `models`, `classes`, `sources`, `cost`. A cell is a number or words: `not available` with its `reason`, or
        `not reported`, in columns `reported_…`, where the thesis has no figure. Models of Fig. 52 that this run has not
        stand in `models` with their reported figures alone.
    """
    tables = {"models": models, "classes": classes, "sources": sources, "cost": cost}
    return {name: pd.DataFrame(rows(experiments)) for name, rows in tables.items()}


def models(experiments: Sequence[ClassifierResult]) -> list[Cells]:
    """Scores over all test images, beside the thesis's (Fig. 52, and its set before balancing)."""
    rows = [
        _named(one) | {"reported_accuracy": as_share(thesis_accuracy(one.thesis_name)), "n": one.n} | _scores(one)
        for one in experiments
    ]
    missing = lacking(*({"n": 0} | _scores(experiments[0])))
    thesis_name = {one.thesis_name for one in experiments}
    for network, percent in reported("figure52_accuracy_balanced").items():
        if network not in thesis_name:
            head = dict.fromkeys(_named(experiments[0]), NO_REASON) | {"experiment": network}
            rows.append(head | {"reported_accuracy": as_share(percent)} | missing | {"reason": "not in this run"})
    return rows


def _named(one: ClassifierResult) -> Cells:
    return one.head | {"model": one.model, "recipe": one.recipe}


def _scores(one: ClassifierResult) -> Cells:
    cells: Cells = {}
    for name in HEADLINE:
        thesis_name = name == "accuracy"
        cells |= interval(
            one.metric(name), "value", "measured_accuracy" if thesis_name else name, 4 if thesis_name else 3
        )
    cells |= interval(one.metric("expected_calibration_error"), "value", "calibration_error", 3)
    return cells | {"reason": why_lacking(cells, one.reason)}


def classes(experiments: Sequence[ClassifierResult]) -> list[Cells]:
    """Scores of each class against all others (Figs. 53 and 54)."""
    return [{"class": label} | one.head | _of_class(one, label) for label in CLASSES for one in experiments]


def _of_class(one: ClassifierResult, label: str) -> Cells:
    row, thesis_name = one.of_class(label), thesis_scores_of_class(one, label)
    cells: Cells = {"n": row["n"]}
    for name in OF_CLASS:
        cells |= {f"reported_{_TOLD_AS[name]}": as_share(thesis_name.get(_TOLD_AS[name]))}
        cells |= interval(row[name], "value", name, 3)
    for name in _MORE_OF_CLASS:
        cells |= interval(row[name], "value", name, 3)
    return cells | {"reason": why_lacking(cells, _why(row))}


def _why(row: Mapping[str, Any]) -> str:
    if not row["n"]:
        return _NO_IMAGE
    lack = [name for name in (*OF_CLASS, *_MORE_OF_CLASS) if row[name]["value"] is None]
    if "precision" in lack:
        return "no image was taken for this class, so precision is not defined"
    return f"{', '.join(lack)} cannot be estimated from these images" if lack else NO_REASON


def sources(experiments: Sequence[ClassifierResult]) -> list[Cells]:
    """The same scores on the test images of each source alone."""
    rows = []
    for one in experiments:
        for row in one.metrics["sources"]:
            cells: Cells = {"source": row["source"], "n": row["n"]}
            for name in HEADLINE:
                cells |= interval(row[name], "value", name, 4 if name == "accuracy" else 3)
            why = NO_REASON if row["n"] else "no test image of this source"
            rows.append(one.head | cells | {"reason": why_lacking(cells, why)})
    return rows


def cost(experiments: Sequence[ClassifierResult]) -> list[Cells]:
    """What training cost (Table 24)."""
    times = reported("table24_classifier_training_time")
    return [
        one.head | {"reported_training_time": times.get(one.thesis_name or "", NOT_REPORTED)} | _cost(one)
        for one in experiments
    ]


def _cost(one: ClassifierResult) -> Cells:
    done = one.training
    return {
        "measured_training_time": duration(done["seconds"]),
        "steps": done["steps"],
        "parameters_million": number(done["parameters"] / 1e6, 3),
        "training_images": done["images"],
        "device": done["device"],
        "precision": done["precision"],
    }
