"""The two experiments with which the report opens: their seeds, and both kinds of spread side by side."""

import json
from collections.abc import Mapping
from typing import Any

from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.results.markdown import plain_table
from hemabalance.report.results.run_tables import RunTables, is_missing

_COMPARED = "no pair of experiments was compared in this run"


def headline_pair(tables: RunTables) -> list[str]:
    """Paragraphs about the pair: question and answer, one row for each seed, and the spreads."""
    headline = json.loads((tables.page / "tables" / "headline.json").read_text("utf-8"))
    if headline is None:
        return [f"{NOT_AVAILABLE}: {_COMPARED}."]
    a, b = headline["a"], headline["b"]
    return [
        f"**{headline['question']}** {headline['answer']}",
        _seeds_table(tables, a, b),
        _spreads(tables, a, b),
        *headline["lines"],
    ]


def _seeds_table(tables: RunTables, a: str, b: str) -> str:
    models, comparisons = tables.table("classify_models"), _comparisons(tables, a, b)
    rows = []
    for _, row in models[models["experiment"] == a].iterrows():
        other = models[(models["experiment"] == b) & (models["seed"] == row["seed"])]
        rows.append(
            [
                row["seed"],
                _interval(row, "measured_accuracy"),
                _interval(other.iloc[0], "measured_accuracy") if len(other) else f"{NOT_AVAILABLE}: no such seed",
                *comparisons.get(row["seed"], [f"{NOT_AVAILABLE}: not compared"] * 2),
                row["n"],
            ]
        )
    headings = ["seed", f"accuracy of {a}", f"accuracy of {b}", "difference", "of balanced accuracy", "n"]
    return plain_table(headings, rows)


def _comparisons(tables: RunTables, a: str, b: str) -> dict[str, list[str]]:
    """Seed -> differences a - b of accuracy and balanced accuracy."""
    table = tables.table("classify_comparisons")
    rows = table[(table["a"] == a) & (table["b"] == b)]
    metrics = ("accuracy_a_less_b", "balanced_accuracy_a_less_b")
    return {row["seed"]: [_interval(row, metric) for metric in metrics] for _, row in rows.iterrows()}


def _interval(row: Mapping[str, Any], column: str) -> str:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    return str(row[column]) if is_missing(low) else f"{row[column]} ({low} to {high})"


def _spreads(tables: RunTables, a: str, b: str) -> str:
    """The standard deviation over trainings beside half the interval over test images, for each experiment."""
    seeds, models = tables.table("classify_seeds"), tables.table("classify_models")
    sentences = []
    for name in (a, b):
        spread = seeds[seeds["experiment"] == name].iloc[0]
        first = models[models["experiment"] == name].iloc[0]
        if is_missing(spread["sd_accuracy"]):
            between = f"{NOT_AVAILABLE}: {spread['reason']}"
        else:
            between = f"{spread['sd_accuracy']} ({spread['n_seeds']} seeds, mean {spread['mean_accuracy']})"
        sentences.append(
            f"Accuracy of {name}: standard deviation between trainings {between}; half the 95 % interval over test "
            f"images {_half_width(first)}."
        )
    return " ".join(sentences)


def _half_width(row: Mapping[str, Any]) -> str:
    low, high = row["measured_accuracy_low"], row["measured_accuracy_high"]
    return NOT_AVAILABLE if is_missing(low) else f"{(float(high) - float(low)) / 2:.4f}"
