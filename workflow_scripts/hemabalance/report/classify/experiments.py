"""Write all tables and figures of experiments and balanced sets from the files of their results."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.files import write_json
from hemabalance.report.balance.figure import balance_figure
from hemabalance.report.balance.tables import balance_tables, read_audits
from hemabalance.report.cells import write_csv
from hemabalance.report.classify.ablations import ablations_figure, ablations_of, ablations_table
from hemabalance.report.classify.bars import models_figure
from hemabalance.report.classify.classes import classes_figure
from hemabalance.report.classify.classifier_results import ClassifierResult
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult
from hemabalance.report.classify.comparisons import comparisons_table, expert_agreement_table, seeds_table
from hemabalance.report.classify.curves import curves_figure
from hemabalance.report.classify.headline import headline, write_opening
from hemabalance.report.classify.reliability import reliability_figure
from hemabalance.report.classify.scores import classify_tables
from hemabalance.report.losses import read_history


def first_trainings(results: Sequence[ClassifierResult]) -> dict[str, ClassifierResult]:
    """Experiment -> its training with the first seed."""
    return {result.name: result for result in reversed(results)}


def experiment_tables(
    results: Sequence[ClassifierResult],
    comparisons: Sequence[ComparisonResult],
    expert_agreements: Sequence[Path],
    ablations: Sequence[Mapping[str, Any]],
    question: Sequence[str] | None,
    out: Mapping[str, Path],
    *,
    preset: str,
) -> None:
    """Write all tables of classifiers, and the opening section of the page.

    Args:
        results: results of the trainings.
        comparisons: comparisons of the experiments.
        expert_agreements: file of `classify.expert_agreement.write_expert_agreement` for each training.
        ablations: rows as for `ablations.ablations_of`.
        question: the two experiments whose comparison opens the page; None for a page without opening section.
        out: name of a table -> CSV to write; `headline` and `values` -> JSON to write.
        preset: preset of the run; values reported by the thesis appear only under its own.
    """
    agreements = {
        f"{result.name}, seed {result.seed}": json.loads(path.read_text("utf-8"))
        for result, path in zip(results, expert_agreements, strict=True)
    }
    tables: dict[str, pd.DataFrame] = classify_tables(results, preset=preset) | {
        "comparisons": comparisons_table(comparisons),
        "seeds": seeds_table(results),
        "yardstick": expert_agreement_table(agreements, preset=preset),
        "ablations": ablations_table(ablations_of(ablations, results, comparisons, preset=preset), preset=preset),
    }
    for name, table in tables.items():
        write_csv(table, out[name])
    opening: dict[str, Any] | None = None
    if question is not None:
        first_results = first_trainings(results)
        a, b = (first_results[name] for name in question)
        pair = next(pair for pair in comparisons if set(pair.names) == set(question))
        others = [result for result in results if result.protocol != a.protocol]
        opening = headline(a, b, pair, others, preset=preset)
    write_opening(opening, out["headline"])
    write_json(values(results), out["values"])


def values(results: Sequence[ClassifierResult]) -> dict[str, dict[str, dict[str, float]]]:
    """Experiment -> training -> metric -> value, for `dvc metrics show`; metrics without a value are left out."""
    metric_values: dict[str, dict[str, dict[str, float]]] = {}
    for result in results:
        metrics = {name: result.metric(name)["value"] for name in METRICS}
        present = {name: value for name, value in metrics.items() if value is not None}
        metric_values.setdefault(result.name, {})[f"seed-{result.seed}"] = {**present, "n": result.n}
    return metric_values


def experiment_figures(
    results: Sequence[ClassifierResult],
    comparisons: Sequence[ComparisonResult],
    histories: Sequence[Path],
    ablations: Sequence[Mapping[str, Any]],
    question: Sequence[str] | None,
    out: Mapping[str, Path],
    *,
    preset: str,
) -> None:
    """Draw the figures that compare experiments; other arguments as for `experiment_tables`.

    Args:
        histories: `history.jsonl` of each training.
        out: name of a figure -> SVG to write; `models_{protocol}` for each protocol.
    """
    first_results = first_trainings(results)
    for protocol, path in _by_protocol("models_", out):
        models_figure([result for result in results if result.protocol == protocol], path, preset=preset)
    class_results = [first_results[name] for name in question] if question else list(first_results.values())[:1]
    classes_figure({result.name: result for result in reversed(class_results)}, out["classes"])
    rows = ablations_of(ablations, results, comparisons, preset=preset)
    ablations_figure(rows, out["ablations"], preset=preset)
    reliability_figure(list(first_results.values()), out["reliability"])
    histories_by_name = {
        f"{result.name}, seed {result.seed}": read_history(path)
        for result, path in zip(results, histories, strict=True)
    }
    curves_figure(histories_by_name, out["curves"])


def part_figure(reduced: ClassifierResult, full_method: ClassifierResult, row: str, path: Path) -> None:
    """Draw the scores of each class with and without a part of the method (thesis Figs. 59 to 62).

    Args:
        reduced: training without the part.
        full_method: training with all parts.
        row: name of the first training in the legend.
        path: SVG to write.
    """
    classes_figure({row: reduced, "full": full_method}, path)


def balance_outputs(audits: Sequence[Path], out: Mapping[str, Path]) -> None:
    """Write tables and figures of balanced sets.

    Args:
        audits: `audit.json` of each set.
        out: `counts`, `leaks`, `shortcuts` -> CSV to write; `images_{protocol}` for each protocol -> SVG.
    """
    contents = read_audits(audits)
    for name, table in balance_tables(contents).items():
        write_csv(table, out[name])
    for protocol, path in _by_protocol("images_", out):
        balance_figure([audit for audit in contents if audit["protocol"] == protocol], path)


def _by_protocol(prefix: str, out: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """Protocol and path of the outputs whose names start with a prefix."""
    return [(name.removeprefix(prefix), path) for name, path in out.items() if name.startswith(prefix)]
