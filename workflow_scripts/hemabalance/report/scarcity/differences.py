"""Table of paired differences between recipes at the same n."""

from typing import Any

from hemabalance.report.cells import interval_cells
from hemabalance.report.scarcity.results import RARE_F1, RecipeResult, ScarcityResults
from hemabalance.report.verdict import verdict


def differences(results: ScarcityResults) -> list[dict[str, Any]]:
    """Rows of each recipe less the line to beat, the line less the baseline, and each synthesis less the control.

    The column `reading` is about rare-class macro-F1 (`report.verdict.verdict`).
    """
    return [_row(a, b) for n in results.ns for a, b in _pairs(results, n)]


def _pairs(results: ScarcityResults, n: int) -> list[tuple[RecipeResult, RecipeResult]]:
    """The pairs to compare at one n, each once."""
    arms, of = results.arms, {result.recipe: result for result in results.at(n)}
    names = [(recipe, arms.line) for recipe in of if recipe != arms.line]
    names += [(arms.line, arms.baseline), *((recipe, arms.control) for recipe in arms.synthesis)]
    return [(of[a], of[b]) for a, b in dict.fromkeys(names) if a != b]


def _row(a: RecipeResult, b: RecipeResult) -> dict[str, Any]:
    row: dict[str, Any] = {"n": a.n, "recipe": a.recipe, "less": b.recipe}
    for metric in a.metrics:
        row |= interval_cells(a.less(b, metric)._asdict(), "value", metric, 3)
    return row | {"reading": verdict(a.less(b, RARE_F1))} | a.number_cells
