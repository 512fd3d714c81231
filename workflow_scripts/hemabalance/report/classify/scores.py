"""Tables of the scores of classifiers on real test images, overall, by class and by source, and of training cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hemabalance.report.cells import NO_REASON, NOT_REPORTED, duration, interval_cells, missing_cells, number
from hemabalance.report.classify.classifier_results import (
    HEADLINE,
    OF_CLASS,
    ClassifierResult,
    as_share,
    classes_of_results,
    missing_reason,
    reported_cells,
    thesis_accuracy,
    thesis_scores_of_class,
)
from hemabalance.report.reported import reported

Cells = dict[str, Any]

_THESIS_KEY = {"sensitivity": "sensitivity", "specificity": "specificity", "one_vs_rest_accuracy": "accuracy"}
_MORE_OF_CLASS = ("auroc", "precision", "f1")
_NO_IMAGE = "no test image of this class"
_NO_SOURCE = {"source": "none", "n": 0} | dict.fromkeys(HEADLINE, dict.fromkeys(("value", "low", "high")))


def classify_tables(experiments: Sequence[ClassifierResult], *, preset: str) -> dict[str, pd.DataFrame]:
    """All tables of classifiers, with one row per training of any protocol.

    Args:
        experiments: at least one, in the order of the rows.
        preset: preset of the run. Without that of the thesis there are no reported values.

    Returns:
        `models`, `classes`, `sources`, `cost`. A cell is a number, `not available` (with a `reason`), or `not reported`
        in columns `reported_…` if the thesis gives no value. Models of Fig. 52 that are not in this run have rows in
        `models` with reported values only.
    """
    tables = {
        "models": models(experiments, preset),
        "classes": classes(experiments, preset),
        "sources": sources(experiments),
        "cost": cost(experiments, preset),
    }
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def models(experiments: Sequence[ClassifierResult], preset: str) -> list[Cells]:
    """Rows of scores over all test images, with values of the thesis (Fig. 52, and its set before balancing)."""
    rows = [
        _key_cells(result)
        | reported_cells(preset, reported_accuracy=as_share(thesis_accuracy(result.thesis_name)))
        | {"n": result.n}
        | _score_cells(result)
        for result in experiments
    ]
    missing_values = missing_cells(*({"n": 0} | _score_cells(experiments[0])))
    measured_names = {result.thesis_name for result in experiments}
    for network, percent in reported("figure52_accuracy_balanced", preset).items():
        if network not in measured_names:
            key_cells = dict.fromkeys(_key_cells(experiments[0]), NO_REASON) | {"experiment": network}
            rows.append(
                key_cells | {"reported_accuracy": as_share(percent)} | missing_values | {"reason": "not in this run"}
            )
    return rows


def _key_cells(result: ClassifierResult) -> Cells:
    return result.key_cells | {"model": result.model, "recipe": result.recipe}


def _score_cells(result: ClassifierResult) -> Cells:
    cells: Cells = {}
    for name in HEADLINE:
        column, places = ("measured_accuracy", 4) if name == "accuracy" else (name, 3)
        cells |= interval_cells(result.metric(name), "value", column, places)
    cells |= interval_cells(result.metric("expected_calibration_error"), "value", "calibration_error", 3)
    return cells | {"reason": missing_reason(cells, result.reason)}


def classes(experiments: Sequence[ClassifierResult], preset: str) -> list[Cells]:
    """Rows of scores of each class against the rest (Figs. 53 and 54)."""
    return [
        {"class": label} | result.key_cells | _class_cells(result, label, preset)
        for label in classes_of_results(experiments)
        for result in experiments
        if label in result.classes
    ]


def _class_cells(result: ClassifierResult, label: str, preset: str) -> Cells:
    row, thesis_scores = result.of_class(label), thesis_scores_of_class(result, label)
    cells: Cells = {"n": row["n"]}
    for name in OF_CLASS:
        key = _THESIS_KEY[name]
        cells |= reported_cells(preset, **{f"reported_{key}": as_share(thesis_scores.get(key))})
        cells |= interval_cells(row[name], "value", name, 3)
    for name in _MORE_OF_CLASS:
        cells |= interval_cells(row[name], "value", name, 3)
    return cells | {"reason": missing_reason(cells, _class_reason(row))}


def _class_reason(row: Mapping[str, Any]) -> str:
    if not row["n"]:
        return _NO_IMAGE
    undefined = [name for name in (*OF_CLASS, *_MORE_OF_CLASS) if row[name]["value"] is None]
    if "precision" in undefined:
        return "no image was taken for this class, so precision is not defined"
    return f"{', '.join(undefined)} cannot be estimated from these images" if undefined else NO_REASON


def sources(experiments: Sequence[ClassifierResult]) -> list[Cells]:
    """Rows of scores on the test images of each source; one row for a training without test images."""
    rows = []
    for result in experiments:
        for row in result.metrics["sources"] or [_NO_SOURCE]:
            cells: Cells = {"source": row["source"], "n": row["n"]}
            for name in HEADLINE:
                cells |= interval_cells(row[name], "value", name, 4 if name == "accuracy" else 3)
            reason = NO_REASON if row["n"] else "no test image"
            rows.append(result.key_cells | cells | {"reason": missing_reason(cells, reason)})
    return rows


def cost(experiments: Sequence[ClassifierResult], preset: str) -> list[Cells]:
    """Rows of the cost of training (Table 24)."""
    reported_times = reported("table24_classifier_training_time", preset)
    return [
        _key_cells(result)
        | reported_cells(preset, reported_training_time=reported_times.get(result.thesis_name or "", NOT_REPORTED))
        | _cost_cells(result)
        for result in experiments
    ]


def _cost_cells(result: ClassifierResult) -> Cells:
    training = result.training
    return {
        "measured_training_time": duration(training["seconds"]),
        "steps": training["steps"],
        "parameters_million": number(training["parameters"] / 1e6, 3),
        "training_images": training["images"],
        "device": training["device"],
        "precision": training["precision"],
    }
