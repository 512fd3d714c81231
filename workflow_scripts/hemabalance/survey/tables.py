"""The columns of a table of labels, before anybody has said what they are: with or without a header line."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow.parquet as pq

from hemabalance.config.sources import LabelsConfig
from hemabalance.sources.label_table import read_label_table
from hemabalance.sources.spreadsheet import is_spreadsheet, read_spreadsheet

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".xlsx", ".xls", ".ods")
_SEPARATORS = ("\t", ";", ",", "|", None)
"""None: blanks."""
_LOOKED_AT = 200
"""Lines by which separator and header are found."""


@dataclass(frozen=True)
class WholeTable:
    """A table: stripped texts, one row an image; `columns` are given names where it has no header line."""

    frame: pd.DataFrame
    image: str
    columns: tuple[str, ...] | None


def read_whole(name: str, content: bytes, is_image: Callable[[str], bool], source: str) -> WholeTable | None:
    """Read all columns of a table of images; None if none of its columns names images.

    Args:
        name: path of the table.
        content: content of the file.
        is_image: whether a text names an image.
        source: name of the source, for messages.

    Raises:
        InputError: as `sources.label_table.read_label_table`.
    """
    rows = _first_rows(name, content)
    width = len(rows[0]) if rows else 0
    shares = [sum(is_image(row[i]) for row in rows[1:]) / max(1, len(rows) - 1) for i in range(width)]
    heading = [is_image(cell) for cell in rows[0]] if rows else []
    if any(heading) and (len(rows) == 1 or shares[heading.index(True)] >= 0.5):
        names, columns = tuple(f"column_{i}" for i in range(1, width + 1)), True
        place = heading.index(True)
    elif shares and max(shares) >= 0.5 and len(set(rows[0])) == width:
        names, columns, place = rows[0], False, shares.index(max(shares))
    else:
        return None
    others = tuple(names[:place] + names[place + 1 :])
    settings = LabelsConfig(
        table=name, columns=tuple(names) if columns else None, image=names[place], experts=others, label=None
    )  # fmt: skip
    frame = read_label_table(name, content, settings, source=source)
    return WholeTable(frame, names[place], settings.columns)


def _first_rows(name: str, content: bytes) -> list[tuple[str, ...]]:
    """The header and the first rows as texts, all of one length."""
    if name.lower().endswith((".parquet", ".pq")):
        return _first_of_parquet(content)
    if is_spreadsheet(content):
        return [row for row in read_spreadsheet(name, content) if any(row)][: _LOOKED_AT + 1]
    lines = [line for line in _start(content).splitlines() if line.strip()]
    if lines and lines[0].strip().lower().startswith("sep=") and len(lines[0].strip()) == 5:
        lines = lines[1:]
    candidates = [(separator, _split(lines[:_LOOKED_AT], separator)) for separator in _SEPARATORS]
    # Blanks come last: they also stand within names.
    _, rows = max(candidates, key=lambda each: (_regular(each[1]), each[0] is not None, len(next(iter(each[1]), ()))))
    return [row for row in rows if len(row) == len(rows[0])]


def _regular(rows: Sequence[tuple[str, ...]]) -> float:
    """The share of rows with as many columns as the first one, if there are several."""
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows) if rows and len(rows[0]) > 1 else 0.0


def _split(lines: Sequence[str], separator: str | None) -> list[tuple[str, ...]]:
    try:
        split = [line.split() for line in lines] if separator is None else list(csv.reader(lines, delimiter=separator))
    except csv.Error:  # no table, or one that the reader refuses with a message
        return []
    return [tuple(cell.strip() for cell in row) for row in split if row]


def _start(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return content[: 1 << 18].decode(encoding, "replace")


def _first_of_parquet(content: bytes) -> list[tuple[str, ...]]:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        batch = next(file.iter_batches(_LOOKED_AT), None)
    except (OSError, ValueError):
        return []
    rows = [] if batch is None else list(zip(*batch.to_pydict().values(), strict=True))
    return [tuple(file.schema_arrow.names), *(tuple(map(str, row)) for row in rows)]
