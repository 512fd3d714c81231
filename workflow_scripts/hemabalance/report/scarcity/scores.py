"""Table of the scores of each recipe over n."""

from typing import Any

from hemabalance.report.cells import interval_cells
from hemabalance.report.scarcity.results import ScarcityResults
from hemabalance.report.scarcity.runs import ScarcityArms

WHOLE = "whole classes"
"""Cell text of n for trainings on the whole classes."""


def scores(results: ScarcityResults) -> list[dict[str, Any]]:
    """Rows of rare-class macro-F1, balanced accuracy and the recall of each scarce class, means over trainings."""
    rows = []
    for (recipe, n), result in results.groups.items():
        shown_n = WHOLE if n is None else n
        row: dict[str, Any] = {"n": shown_n, "recipe": recipe, "role": role_of(recipe, n, results.arms)}
        for metric in result.metrics:
            row |= interval_cells(result.estimate(metric)._asdict(), "value", metric, 3)
        rows.append(row | result.number_cells)
    return rows


def role_of(recipe: str, n: int | None, arms: ScarcityArms) -> str:
    """What a recipe stands for, joined by commas; `remedy` for one that is only compared."""
    if n is None:
        return "ceiling" if recipe == arms.ceiling else "remedy"
    roles = {
        "baseline": recipe == arms.baseline,
        "line to beat": recipe == arms.line,
        "control": recipe == arms.control,
        "synthesis": recipe in arms.synthesis,
    }
    return ", ".join(role for role, applies in roles.items() if applies) or "remedy"
