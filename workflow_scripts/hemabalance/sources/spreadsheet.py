"""Read the first sheet of an Excel file as texts."""

import io
import zipfile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from hemabalance.errors import InputError
from hemabalance.sources.cell_text import cell_text

SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""Of files of spreadsheet programs: zips of XML files, and old binary ones."""


def is_spreadsheet(data: bytes) -> bool:
    """Whether the content of a file is that of a spreadsheet program."""
    return data.startswith(SIGNATURES)


def read_spreadsheet(name: str, data: bytes) -> list[tuple[str, ...]]:
    """The rows of the first sheet, stripped texts, all of one length; rows without any text are empty ones.

    Raises:
        InputError: the file is damaged, or in another format than xlsx.
    """
    try:
        # Links to other files are not followed, and formulas have the values that were last shown.
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        rows = [tuple(map(cell_text, row)) for row in workbook.worksheets[0].iter_rows(values_only=True)]
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError, SyntaxError) as error:
        problem = f"is a spreadsheet that cannot be read ({error})"
        raise InputError(name, problem, "Save its sheet as xlsx or CSV in a spreadsheet program") from error
    width = max((len(row) for row in rows), default=0)
    return [row + ("",) * (width - len(row)) for row in rows]
