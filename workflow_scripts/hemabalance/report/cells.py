"""Cells of tables: formatted numbers, and words for missing values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.files import atomic_path

NOT_AVAILABLE = "not available"
"""Cell text for a value that this run could not measure; the column `reason` says why."""

NOT_REPORTED = "not reported"
"""Cell text for a value that the thesis does not give."""

NO_ROW = "this run has no row for this table"
"""Cell text of the only row, column `reason`, of a table for which a run has nothing: differences of one row, say."""

NO_REASON = "–"
"""Cell text of the column `reason` in a row without missing values."""


def number(value: float | None, places: int) -> str:
    """A number with this many decimal places, never -0; `NOT_AVAILABLE` for None."""
    return NOT_AVAILABLE if value is None else f"{value:z.{places}f}"


def signed(value: float | None, places: int) -> str:
    """A number with its sign and this many decimal places, never -0; `NOT_AVAILABLE` for None."""
    return NOT_AVAILABLE if value is None else f"{value:+z.{places}f}"


def with_interval(estimate: Mapping[str, Any], places: int, *, is_signed: bool = False) -> str:
    """`value, low, high` as text, such as 0.83 (0.77 to 0.88); without ends if these are None."""
    shown = signed if is_signed else number
    text = shown(estimate["value"], places)
    if estimate["low"] is None:
        return text
    return f"{text} ({shown(estimate['low'], places)} to {shown(estimate['high'], places)})"


def counted(count: int, noun: str) -> str:
    """A number with its noun in singular or plural."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def reported_number(value: float | None, places: int) -> str:
    """A value from the thesis with this many decimal places; `NOT_REPORTED` for None."""
    return NOT_REPORTED if value is None else number(value, places)


def interval_cells(row: Mapping[str, Any], key: str, column: str, places: int) -> dict[str, str]:
    """Cells `column`, `column_low`, `column_high` for the value `key` of a row.

    The ends are read from `key_low` and `key_high`, or from `low` and `high` if the row lacks these keys.
    """
    ends = {end: row[f"{key}_{end}"] if f"{key}_{end}" in row else row[end] for end in ("low", "high")}
    return {column: number(row[key], places)} | {f"{column}_{end}": number(v, places) for end, v in ends.items()}


def missing_cells(*columns: str) -> dict[str, str]:
    """Cells with `NOT_AVAILABLE` for these columns."""
    return dict.fromkeys(columns, NOT_AVAILABLE)


def duration(seconds: float) -> str:
    """A duration as 12h06m14s without leading zero parts; below a minute with tenths of a second."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{rest:02}s" if hours else f"{minutes}m{rest:02}s"


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically; one without columns, which no reader accepts, as a row that says so."""
    if table.columns.empty:
        table = pd.DataFrame({"reason": [NO_ROW]})
    with atomic_path(path) as part:
        table.to_csv(part, index=False)
