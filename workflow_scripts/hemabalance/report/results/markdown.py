"""Tables and text in GitHub's Markdown."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE
from hemabalance.report.interval_columns import fold_intervals

_REASONS = ("reason", "note")
_SHORT = 30
"""Reasons of at most this many characters stand in the cell; longer ones below the table, under a letter."""


def markdown_table(table: pd.DataFrame, columns: Mapping[str, str] | None = None) -> str:
    """A table of strings with intervals in the cells of their values, and a reason beside each missing value.

    Args:
        table: as written by the report, with columns `x`, `x_low`, `x_high` and `reason`.
        columns: column -> heading of the columns to show; default: all but intervals and reasons.
    """
    reasons = next((table[name] for name in _REASONS if name in table), pd.Series(NO_REASON, table.index))
    folded = fold_intervals(table)
    shown = columns or {name: name.replace("_", " ") for name in folded.columns if name not in _REASONS}
    folded = folded[list(shown)]
    letters = _letters([reason for reason, row in zip(reasons, folded.values, strict=True) if NOT_AVAILABLE in row])
    rows = [
        [_cell(str(cell), reason, letters) for cell in row]
        for reason, row in zip(reasons, folded.to_numpy().tolist(), strict=True)
    ]
    lines = [_line(list(shown.values())), _line(["---"] * len(shown)), *map(_line, rows)]
    notes = [f"{letter}: {_escape(reason)}." for reason, letter in letters.items()]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells as they are."""
    return "\n".join(
        map(_line, [headings, ["---"] * len(headings), *([_escape(cell) for cell in row] for row in rows)])
    )


def _letters(reasons: Sequence[str]) -> dict[str, str]:
    """Letter of each long reason, in the order of the rows."""
    long = [reason for reason in dict.fromkeys(reasons) if len(reason) > _SHORT]
    return {reason: _letter(k) for k, reason in enumerate(long)}


def _letter(k: int) -> str:
    return chr(ord("a") + k) if k < 26 else _letter(k // 26 - 1) + _letter(k % 26)


def _cell(cell: str, reason: str, letters: Mapping[str, str]) -> str:
    if cell == NOT_AVAILABLE and reason not in (NO_REASON, ""):
        return f"{NOT_AVAILABLE}: {letters.get(reason, _escape(reason))}"
    if re.fullmatch(r"\d{4,}", cell):
        return f"{int(cell):,}"
    return _escape(cell)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
