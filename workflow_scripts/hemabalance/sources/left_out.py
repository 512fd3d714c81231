"""What is said about the files of an archive that are left out, and the refusal of a class without an image.

A row is a member as `inventory` reads it: `member`, `content`, `reason`, `is_image` (see `identity.is_image`) and, of a
file that is left out, `junk` (whether by its name) and `remedy`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError
from hemabalance.sources.decode import FETCH_AGAIN
from hemabalance.sources.junk import SYSTEM_FOLDERS

Row = Mapping[str, Any]

MAX_NAMED = 20
"""Maximum number of members that a warning names; further ones are only counted."""
MAX_REASONS = 3
"""Maximum number of reasons that a sum of several files gives."""


def content_warnings(rows: Iterable[Row], classes: Collection[str]) -> Iterator[str]:
    """Yield the warnings about files that are left out, and about images outside the folders of `classes`."""
    rows = sorted(rows, key=lambda row: row["member"])
    left_out = [row for row in rows if row["content"] != "image"]
    junk = [row for row in left_out if row["junk"]]
    rejected = [row for row in left_out if not row["junk"]]
    for row in rejected[:MAX_NAMED]:
        yield f"{row['member']} left out: {row['reason']}"
    if more := rejected[MAX_NAMED:]:
        yield f"{len(more)} more files left out ({_reasons(more)}); the table of the inventory names them"
    for remedy, count in _remedies(rejected).items():
        if remedy != FETCH_AGAIN:
            yield f"to read {count} of the files left out: {remedy}"
    if junk:
        yield f"{len(junk)} junk files left out ({_reasons(junk)}), the first {junk[0]['member']}"
    unknown = Counter(_folder_of(row["member"]) for row in rows if row["is_image"])
    for folder, count in unknown.items():
        if folder not in classes:
            yield f"folder {folder!r} ({count} files) is no class of this source; its files are left out"


def refuse_empty_class(path: Path, folders: Iterable[str], rows: Sequence[Row], classes: Collection[str]) -> None:
    """Refuse an archive with a folder of a class in which no image can be read.

    Args:
        path: the archive.
        folders: paths of all its folders.
        rows: all its members.
        classes: names of the folders that are classes.

    Raises:
        InputError: names the folder, and the reason and the remedy for its files.
    """
    nonempty = {_folder_of(row["member"]) for row in rows if row["content"] == "image"}
    for folder in folders:
        name = folder.rpartition("/")[2]
        if name not in classes or name in nonempty or not SYSTEM_FOLDERS.isdisjoint(folder.split("/")):
            continue
        inside = sorted((r for r in rows if _folder_of(r["member"]) == name), key=lambda row: row["member"])
        files = [row for row in inside if not row["junk"]] or inside
        detail = f": {len(files)} files, {_reasons(files)}; the first is {files[0]['member']}" if files else ""
        what_to_do = ". ".join(_remedies(files)) or "Put its images there"
        raise InputError(
            f"{path}, folder {folder}",
            f"this class folder contains no readable image{detail}",
            f"{what_to_do}, or remove the folder to run without this class",
        )


def join_names(items: Iterable[str]) -> str:
    """Return the names separated by commas; those after the first `MAX_NAMED` are counted."""
    items = list(items)
    rest = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return ", ".join(items[:MAX_NAMED]) + rest


def _reasons(rows: Iterable[Row]) -> str:
    """Return the most frequent reasons with their counts, such as `empty file (2); a hidden file (1)`."""
    counts = Counter(row["reason"] for row in rows).most_common()
    rest = sum(count for _, count in counts[MAX_REASONS:])
    parts = [f"{reason} ({count})" for reason, count in counts[:MAX_REASONS]]
    return "; ".join(parts + ([f"other reasons ({rest})"] if rest else []))


def _remedies(rows: Iterable[Row]) -> dict[str, int]:
    """Return the remedies, the most frequent first, and how many of the rows each is for."""
    return dict(Counter(row["remedy"] for row in rows if row["remedy"]).most_common())


def _folder_of(member: str) -> str:
    return member.rpartition("/")[0].rpartition("/")[2]
