"""Read the first sheet of an Excel file as texts."""

import io
import zipfile
import zlib

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from hemabalance.errors import InputError
from hemabalance.sources.cell_text import cell_text

MOST_BYTES = 512 * 2**20
"""Size of an unpacked file in bytes beyond which it is refused: a table inside an archive is untrusted."""
SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""Of files of spreadsheet programs: zips of XML files, and old binary ones."""

# NotImplementedError: what zipfile raises for an unknown compression; SyntaxError: what the parsers of XML raise.
_DAMAGE = (
    InvalidFileException, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, IndexError,
    AttributeError, NotImplementedError, OSError, SyntaxError,
)  # fmt: skip


def is_spreadsheet(data: bytes) -> bool:
    """Whether the content of a file is that of a spreadsheet program."""
    return data.startswith(SIGNATURES)


def read_spreadsheet(name: str, data: bytes) -> list[tuple[str, ...]]:
    """The rows of the first sheet, stripped texts, all of one length; rows without any text are empty ones.

    Raises:
        InputError: the file is damaged, in another format than xlsx, or larger than MOST_BYTES when unpacked.
    """
    try:
        # `zipfile` reads no more of a member than the size that it declares.
        with zipfile.ZipFile(io.BytesIO(data)) as content:
            unpacked = sum(member.file_size for member in content.infolist())
        if unpacked > MOST_BYTES:
            raise ValueError(f"{unpacked:,} bytes when unpacked, more than {MOST_BYTES:,}")
        # Links to other files are not followed, and formulas have the values that were last shown.
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        rows = [tuple(map(cell_text, row)) for row in workbook.worksheets[0].iter_rows(values_only=True)]
    except _DAMAGE as error:
        problem = f"is a spreadsheet that cannot be read ({error})"
        raise InputError(name, problem, "Save its sheet as xlsx or CSV in a spreadsheet program") from error
    width = max((len(row) for row in rows), default=0)
    return [row + ("",) * (width - len(row)) for row in rows]
