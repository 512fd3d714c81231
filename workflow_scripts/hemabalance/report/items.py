"""Tables and figures as items of an HTML page, and the environment of its template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, NOT_REPORTED
from hemabalance.report.embed import embedded
from hemabalance.report.interval_columns import fold_intervals

_REPORTED = "reported"  # columns of values of the thesis start with it
_NON_NUMERIC = (NOT_AVAILABLE, NOT_REPORTED, NO_REASON, "")
# In characters of `page.html`'s tables: the room for a table, between columns, and of a last column that is broken.
_WIDTH, _BETWEEN, _BROKEN = 125, 2, 30
_HEIGHT = 25  # rows


def environment() -> Environment:
    """The environment of `page.html`; values are escaped, and an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def table_item(path: Path, *, title: str, note: str) -> dict[str, Any]:
    """A table (CSV), with intervals in the cells of their values.

    Returns:
        Values of `page.html`; among them `path`, `reported`, whether each column has values of the thesis, and
        `reported_rows`, whether each row has nothing else.
    """
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    column_kinds = {column: "number" if _is_numeric(table[column]) else "text" for column in table.columns}
    table = fold_intervals(table)
    reported = [column.startswith(_REPORTED) for column in table.columns]
    return {
        "path": path,
        "name": path.name,
        "title": title,
        "note": note,
        "columns": [column.replace("_", " ") for column in table.columns],
        "kinds": [column_kinds[column] for column in table.columns],
        "missing": (NOT_AVAILABLE, NOT_REPORTED),
        "rows": table.to_numpy().tolist(),
        "reported": reported,
        "reported_rows": _only_reported(table, column_kinds),
        "scrolls": _scrolls(table.loc[:, [not is_reported for is_reported in reported]]),
        "address": None,
    }


def figure_item(path: Path, *, title: str, note: str) -> dict[str, Any]:
    """A figure (SVG or WebP), embedded as `embed.embedded` makes it."""
    return {"path": path, "name": path.name, "title": title, "note": note} | embedded(path)._asdict()


def _only_reported(table: pd.DataFrame, kinds: Mapping[str, str]) -> list[bool]:
    """Whether each row has values of the thesis and no number that was measured."""
    numbers = table.loc[:, [kinds[column] == "number" for column in table.columns]]
    is_reported = numbers.columns.str.startswith(_REPORTED)
    is_given = ~numbers.isin(_NON_NUMERIC)
    only_reported = is_given.loc[:, is_reported].any(axis=1) & ~is_given.loc[:, ~is_reported].any(axis=1)
    return [bool(value) for value in only_reported]


def _scrolls(table: pd.DataFrame) -> str:
    """Where a reader of the page in a wide window must scroll to see all of a table; empty if nowhere.

    An estimate from the longest cell of each column; the last column breaks its lines.
    """
    lengths = [max([*map(len, column.split("_")), *table[column].str.len()]) for column in table.columns]
    width = sum(lengths[:-1]) + min([*lengths[-1:], _BROKEN]) + _BETWEEN * len(lengths)
    wide, tall = width > _WIDTH, len(table) > _HEIGHT
    return " and ".join(word for word, needed in (("sideways", wide), ("down", tall)) if needed)


def _is_numeric(cells: pd.Series) -> bool:
    """Whether all values of a column are numbers, apart from missing ones."""
    return bool(pd.to_numeric(cells[~cells.isin(_NON_NUMERIC)], errors="coerce").notna().all())
