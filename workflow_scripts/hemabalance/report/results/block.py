"""The part of a Markdown file between two markers, which a command writes; the rest is written by hand."""

from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target

PARTS = ("experiments", "scarcity", "across")
"""What a command writes: the tables of all experiments, or the answer of one (`answers.ANSWERS`)."""

_NEW = "# Measured results\n\n"


def markers(part: str) -> tuple[str, str]:
    """The lines before and after one of `PARTS`."""
    name = "results" if part == "experiments" else part
    return f"<!-- hemabalance {name}: begin -->", f"<!-- hemabalance {name}: end -->"


def text_around(path: Path, part: str) -> tuple[str, str]:
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
    lines, (begin, end) = [line.strip() for line in text.splitlines()], markers(part)
    if lines.count(begin) != 1 or lines.count(end) != 1 or lines.index(begin) > lines.index(end):
        remedy = f"Put the lines `{begin}` and `{end}` where the results should stand, or choose a new file with --into"
        raise InputError(path, "does not have each of the two markers once, the first before the second", remedy)
    before, _, rest = text.partition(begin)
    return before, rest.partition(end)[2].removeprefix("\n")


def write_block(path: Path, block: str, part: str, before: str, after: str) -> None:
    """Write a file with a block between the markers of a part, atomically; the text around it is kept as it is."""
    begin, end = markers(part)
    with atomic_path(path) as unfinished:
        unfinished.write_text(f"{before}{begin}\n\n{block}\n\n{end}\n{after}", "utf-8")
