"""The part of a Markdown file between two markers, which a command writes; the rest is written by hand."""

from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target

BEGIN = "<!-- hemabalance results: begin -->"
END = "<!-- hemabalance results: end -->"
_NEW = "# Measured results\n\n"


def text_around(path: Path) -> tuple[str, str]:
    """The text before the first and after the second marker; a heading and nothing for a file that does not exist.

    Raises:
        InputError: the file cannot be read or written to, or does not have each marker once, on lines of their own.
    """
    check_target(path)
    if not path.exists():
        return _NEW, ""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "Choose another file with --into") from error
    lines = [line.strip() for line in text.splitlines()]
    if lines.count(BEGIN) != 1 or lines.count(END) != 1 or lines.index(BEGIN) > lines.index(END):
        remedy = f"Put the lines `{BEGIN}` and `{END}` where the results should stand, or choose a new file with --into"
        raise InputError(path, "does not have each of the two markers once, the first before the second", remedy)
    before, _, rest = text.partition(BEGIN)
    return before, rest.partition(END)[2].removeprefix("\n")


def write_block(path: Path, block: str, before: str, after: str) -> None:
    """Write a file with a block between markers, atomically; the text around it is kept as it is."""
    with atomic_path(path) as part:
        part.write_text(f"{before}{BEGIN}\n\n{block}\n\n{END}\n{after}", "utf-8")
