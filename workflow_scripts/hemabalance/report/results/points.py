"""Values with intervals, read from rows of a table: what a claim is compared with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from hemabalance.report.cells import NO_REASON
from hemabalance.report.reported import reported_tables
from hemabalance.report.results.run_tables import is_missing

_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?")
SAME_TIME = 0.05
"""Times are measured once: two of them count as the same if their ranges of plus and minus this share overlap."""


@dataclass(frozen=True)
class Point:
    """A measured value.

    Attributes:
        name: what it was measured for.
        value, low, high: value and interval; low and high are the value if there is no interval.
        text: the value as in the table, with its interval.
        n: number of images, as text; empty if the table has none.
    """

    name: str
    value: float
    low: float
    high: float
    text: str
    n: str

    def describe(self) -> str:
        """The value in words, such as `0.98 (0.97 to 0.99), n = 449`."""
        return self.text + (f", n = {self.n}" if self.n else "")


def thesis_value(path: Sequence[Any], scale: int = 1) -> str:
    """The value at a path in `reported.yaml`, divided by `scale`; times and the like unchanged."""
    value: Any = reported_tables()
    for key in path:
        value = value[key]
    return scaled(value, scale)


def scaled(value: Any, scale: int) -> str:
    """A value of `reported.yaml` as text, divided by `scale` if that is not 1."""
    return str(value) if scale == 1 else f"{(Decimal(str(value)) / scale).normalize():f}"


def is_value(cell: str, value: str) -> bool:
    """Whether a cell of a column `reported_…` shows a value; a score may be followed by its standard deviation."""
    first = cell.partition(" ")[0]
    try:
        return float(first) == float(value)
    except ValueError:
        return cell == value


def select(table: pd.DataFrame, where: Mapping[str, str], name: str) -> pd.DataFrame:
    """The rows with these values, the first one of each name; rows that are only reported have no protocol."""
    for column, value in where.items():
        table = table[(table[column] == value) | (table[column] == NO_REASON)]
    return table.drop_duplicates(name)


def point_of(row: "pd.Series[str]", name: str, column: str, n: str | None, spread: str | None = None) -> Point | None:
    """The value of a column in a row; None if it is missing.

    Args:
        row: of a table of strings.
        name: column with the name.
        column: of the value; `<column>_low` and `<column>_high` hold its interval, if they exist.
        n: column with the number of images.
        spread: column with a standard deviation; the interval is then plus and minus two of them.
    """
    cell = row[column]
    if is_missing(cell):
        return None
    value = float(cell)
    ends = (value, value)
    text = cell
    if spread is not None and not is_missing(row[spread]):
        ends = value - 2 * float(row[spread]), value + 2 * float(row[spread])
        text = f"{cell} ± {row[spread]}"
    elif f"{column}_low" in row and not is_missing(row[f"{column}_low"]):
        ends = float(row[f"{column}_low"]), float(row[f"{column}_high"])
        text = f"{cell} ({row[f'{column}_low']} to {row[f'{column}_high']})"
    count = row[n] if n is not None and not is_missing(row[n]) else ""
    return Point(row[name], value, *ends, text, count)


def time_of(row: "pd.Series[str]", name: str, column: str, steps: str, *, per_step: bool) -> Point | None:
    """Training time in seconds, or seconds per step, with the range in which times count as the same."""
    if is_missing(row[column]):
        return None
    duration, count = seconds(row[column]), int(row[steps])
    value = duration / max(count, 1) if per_step else duration
    text = f"{row[column]}, {count:,} steps" + (f", {value:.3g} s a step" if per_step else "")
    return Point(row[name], value, value * (1 - SAME_TIME), value * (1 + SAME_TIME), text, "")


def seconds(duration: str) -> float:
    """The seconds of a duration such as `12h06m14s` or `4.1s`.

    Raises:
        ValueError: the text is no duration.
    """
    match = _TIME.fullmatch(duration)
    if not match or not any(match.groups()):
        raise ValueError(f"{duration!r} is no duration")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest
