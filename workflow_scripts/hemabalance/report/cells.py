"""What stands in a cell of a table: numbers a person can read, and words where there is none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.files import atomic_path

NOT_AVAILABLE = "not available"
"""In place of a value that this run could not measure; a column `reason` says why."""

NOT_REPORTED = "not reported"
"""In place of a figure that the thesis does not give."""

NO_REASON = "–"
"""The reason in a row that has all its values."""


def number(value: float | None, places: int) -> str:
    """A number with so many decimal places, never as -0."""
    return NOT_AVAILABLE if value is None else f"{value:z.{places}f}"


def reported_number(value: float | None, places: int) -> str:
    """A figure of the thesis with the decimal places that it has there."""
    return NOT_REPORTED if value is None else number(value, places)


def interval(row: Mapping[str, Any], key: str, column: str, places: int) -> dict[str, str]:
    """The value `key` of a row with its `_low` and `_high` (`low`, `high` alone where it has no own), as columns."""
    ends = {end: row[f"{key}_{end}"] if f"{key}_{end}" in row else row[end] for end in ("low", "high")}
    return {column: number(row[key], places)} | {f"{column}_{end}": number(v, places) for end, v in ends.items()}


def lacking(*columns: str) -> dict[str, str]:
    """The columns of values that are not available."""
    return dict.fromkeys(columns, NOT_AVAILABLE)


def duration(seconds: float) -> str:
    """A time as 12h06m14s, leading parts that are 0 left out; under a minute with tenths of a second."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{rest:02}s" if hours else f"{minutes}m{rest:02}s"


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically."""
    with atomic_path(path) as part:
        table.to_csv(part, index=False)
