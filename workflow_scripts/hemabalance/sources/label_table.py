"""Read a table of labels: CSV with any separator, TSV, columns between blanks, Excel, or Parquet."""

import csv
import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import pandas as pd
from pyarrow import ArrowException

from hemabalance.config.sources import LabelsConfig
from hemabalance.errors import InputError
from hemabalance.sources.cell_text import cell_text
from hemabalance.sources.spreadsheet import is_spreadsheet, read_spreadsheet

_SEPARATORS = ("\t", ";", ",", "|", None)
"""None: blanks."""
_PARQUET = (".parquet", ".pq")

MISSING = ("", "-", "–", "—", "nan", "na", "n/a", "#n/a", "none", "null", "nat", "<na>")
"""Spellings of a missing value, in lower case."""


def is_missing(value: str) -> bool:
    """Whether a value of a table means that there is none."""
    return value.strip().lower() in MISSING


def read_label_table(name: str, data: bytes, labels: LabelsConfig, *, source: str) -> pd.DataFrame:
    """Read the columns of a table that a source's labels use.

    Args:
        name: path of the table, for its format and for messages.
        data: content of the file.
        labels: which columns are used, and the names of the columns of a table without a header line.
        source: name of the source, for messages.

    Returns:
        Stripped texts in the columns `labels.used_columns`, one row an image, with the number of the line (in a Parquet
        file, of the row) as index. Rows without any value are left out.

    Raises:
        InputError: the file is damaged or in another format, lacks a column, or a line has another number of columns.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PARQUET:
        table = _parquet(name, data)
    elif is_spreadsheet(data):
        table = _sheet(read_spreadsheet(name, data), labels)
    else:
        table = _text_table(name, data, labels)
    _check_columns(name, list(table.columns), labels, source)
    table = table[list(labels.used_columns)]
    table = table[~table.map(is_missing).all(axis=1)]
    nameless = table[table[labels.image].map(is_missing)]
    if len(nameless):
        where = f"{name}, line {nameless.index[0]}"
        raise InputError(where, f"its column {labels.image!r} is empty", "Fill in the file name, or remove the line")
    return table


def _parquet(name: str, data: bytes) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(data))
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(
            name, f"cannot be read as Parquet ({error})", "Write the table again, or save it as CSV"
        ) from error
    table = table.reset_index(drop=True).map(cell_text)
    table.columns = [str(column).strip() for column in table.columns]
    return table.set_axis(range(1, len(table) + 1))


def _sheet(rows: Sequence[tuple[str, ...]], labels: LabelsConfig) -> pd.DataFrame:
    """The table in the rows of a sheet, with the number of the row as index."""
    numbered = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    header = labels.columns or (numbered.pop(0)[1] if numbered else ())
    width = len(header)
    frame = pd.DataFrame([row[:width] for _, row in numbered], columns=list(header), dtype="str")
    return frame.set_axis([number for number, _ in numbered])


def _text_table(name: str, data: bytes, labels: LabelsConfig) -> pd.DataFrame:
    text = _decoded(data)
    given, first = None, text.partition("\n")[0].rstrip("\r")
    if first.lower().startswith("sep=") and len(first) == 5:  # Excel writes and hides such a line
        given, text = first[4], text[len(first) :]
    opening = next((line for line in text.splitlines() if line.strip()), "")
    separator = given or _separator(opening, labels)
    records = _records(name, text, separator)
    if labels.columns is not None:
        header = list(labels.columns)
    else:
        header = [field.strip() for field in next(records, (1, []))[1]]
    lines, rows = [], []
    for line, fields in records:
        lines.append(line)
        rows.append(_row(f"{name}, line {line}", fields, header, separator))
    return pd.DataFrame(rows, columns=header, index=lines, dtype="str")


def _row(where: str, fields: list[str], header: Sequence[str], separator: str | None) -> list[str]:
    """The stripped fields of a line, without empty ones behind the last column; `where` is for the error."""
    fields = [field.strip() for field in fields]
    if not any(fields[len(header) :]):
        fields = fields[: len(header)]
    if len(fields) != len(header):
        problem = f"{len(fields)} columns where {len(header)} are expected ({', '.join(header)}): {fields}"
        shown = "blanks" if separator is None else repr(separator)
        remedy = f"Correct this line: its columns are separated by {shown}, and a text with a separator is quoted"
        raise InputError(where, problem, remedy)
    return fields


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _separator(line: str, labels: LabelsConfig) -> str | None:
    """The separator under which the first line has the most columns that are used, or else the most columns."""

    def fit(separator: str | None) -> tuple[int, int]:
        fields = [field.strip() for field in _fields(line, separator)]
        if labels.columns is not None:
            return int(len(fields) == len(labels.columns)), len(fields)
        return len(set(fields) & set(labels.used_columns)), len(fields)

    return max(_SEPARATORS, key=fit)  # the first of equals


def _fields(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    return next(csv.reader([line], delimiter=separator), [])


def _records(name: str, text: str, separator: str | None) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each line that is not blank."""
    if separator is None:
        yield from ((i, line.split()) for i, line in enumerate(text.splitlines(), start=1) if line.strip())
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, fields
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}", f"cannot be read ({error})", "Correct the line") from error


def _check_columns(name: str, columns: Sequence[str], labels: LabelsConfig, source: str) -> None:
    for key, column in _named_columns(labels).items():
        count = columns.count(column)
        if count > 1:
            raise InputError(name, f"has {count} columns {column!r}", "Rename or remove all but one")
        if count == 0:
            near = difflib.get_close_matches(column.casefold(), [known.casefold() for known in columns], n=1)
            hint = next((f", perhaps {known!r}" for known in columns if [known.casefold()] == near), "")
            problem = f"has no column {column!r}, but {', '.join(map(repr, columns))}"
            remedy = (
                f"Set sources.{source}.labels.{key} to one of them{hint}; a table without a header needs labels.columns"
            )
            raise InputError(name, problem, remedy)


def _named_columns(labels: LabelsConfig) -> Mapping[str, str]:
    """Key of the config -> column."""
    named = {key: getattr(labels, key) for key in ("image", "label", "group", "check")}
    named |= {f"experts[{i}]": column for i, column in enumerate(labels.experts)}
    return {key: column for key, column in named.items() if column}
