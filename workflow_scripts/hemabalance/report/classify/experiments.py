"""All that the page shows of the experiments on it: which files become which tables and figures."""

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
from hemabalance.report.classify.headline import headline, write_headline
from hemabalance.report.classify.reliability import reliability_figure
from hemabalance.report.classify.scores import classify_tables
from hemabalance.report.losses import read_history


def firsts(scored: Sequence[ClassifierResult]) -> dict[str, ClassifierResult]:
    """Experiment -> its training with the first seed."""
    return {one.name: one for one in reversed(scored)}


def experiment_tables(
    scored: Sequence[ClassifierResult],
    compared: Sequence[ComparisonResult],
    expert_agreements: Sequence[Path],
    ablations: Sequence[Mapping[str, Any]],
    question: Sequence[str] | None,
    out: Mapping[str, Path],
) -> None:
    """Write all tables of classifiers, and what the page opens with.

    Args:
        scored: the trainings.
        compared: comparisons of them.
        expert_agreements: files of `classify.yardstick.write_expert_agreement`, one a training.
        ablations: rows as `classify_ablations.ablations_of` takes them.
        question: the two experiments whose comparison the page opens with; None for none.
        out: name of a table -> CSV to write; `headline` and `values` -> JSON to write.
    """
    said = {
        f"{one.name}, seed {one.seed}": json.loads(path.read_text("utf-8"))
        for one, path in zip(scored, expert_agreements, strict=True)
    }
    tables: dict[str, pd.DataFrame] = classify_tables(scored) | {
        "comparisons": comparisons_table(compared),
        "seeds": seeds_table(scored),
        "yardstick": expert_agreement_table(said),
        "ablations": ablations_table(ablations_of(ablations, scored, compared)),
    }
    for name, table in tables.items():
        write_csv(table, out[name])
    found: dict[str, Any] | None = None
    if question is not None:
        trained = firsts(scored)
        a, b = (trained[name] for name in question)
        pair = next(one for one in compared if set(one.names) == set(question))
        found = headline(a, b, pair, [one for one in scored if one.protocol != a.protocol])
    write_headline(found, out["headline"])
    write_json(values(scored), out["values"])


def values(scored: Sequence[ClassifierResult]) -> dict[str, dict[str, dict[str, float]]]:
    """Experiment -> training -> metric -> value, as `dvc metrics show` lays it out; what has no value is left out."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for one in scored:
        known = {name: one.metric(name)["value"] for name in METRICS}
        told = {name: value for name, value in known.items() if value is not None}
        found.setdefault(one.name, {})[f"seed-{one.seed}"] = {**told, "n": one.n}
    return found


def experiment_figures(
    scored: Sequence[ClassifierResult],
    compared: Sequence[ComparisonResult],
    histories: Sequence[Path],
    ablations: Sequence[Mapping[str, Any]],
    question: Sequence[str] | None,
    out: Mapping[str, Path],
) -> None:
    """Draw what several experiments have in common; arguments as `experiment_tables`.

    Args:
        histories: `history.jsonl` of each training.
        out: name of a figure -> SVG to write; `models_{protocol}` for each protocol.
    """
    trained = firsts(scored)
    for protocol, path in _by_protocol("models_", out):
        models_figure([one for one in scored if one.protocol == protocol], path)
    shown = [trained[name] for name in question] if question else list(trained.values())[:1]
    classes_figure({one.name: one for one in reversed(shown)}, out["classes"])
    ablations_figure(ablations_of(ablations, scored, compared), out["ablations"])
    reliability_figure(list(trained.values()), out["reliability"])
    read = {f"{one.name}, seed {one.seed}": read_history(path) for one, path in zip(scored, histories, strict=True)}
    curves_figure(read, out["curves"])


def part_figure(without: ClassifierResult, whole: ClassifierResult, row: str, path: Path) -> None:
    """Draw each class with and without a part (thesis Figs. 59 to 62).

    Args:
        without, whole: the two trainings.
        row: what the first is called.
        path: SVG to write.
    """
    classes_figure({row: without, "full": whole}, path)


def balance_outputs(audits: Sequence[Path], out: Mapping[str, Path]) -> None:
    """Table and draw balanced sets.

    Args:
        audits: `audit.json` of each.
        out: `counts`, `leaks`, `shortcuts` -> CSV to write; `images_{protocol}` for each protocol -> SVG.
    """
    read = read_audits(audits)
    for name, table in balance_tables(read).items():
        write_csv(table, out[name])
    for protocol, path in _by_protocol("images_", out):
        balance_figure([one for one in read if one["protocol"] == protocol], path)


def _by_protocol(prefix: str, out: Mapping[str, Path]) -> list[tuple[str, Path]]:
    return [(name.removeprefix(prefix), path) for name, path in out.items() if name.startswith(prefix)]
