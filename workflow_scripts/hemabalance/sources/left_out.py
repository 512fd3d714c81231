"""What is said about the files of an archive that are left out, and the refusal of a class without an image.

A row is a member as `inventory` reads it: `member`, `content`, `reason`, `is_image` (see `identity.is_image`), `label`
(see `labels.found_labels`) and, of a file that is left out, `junk` (whether by its name) and `remedy`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.dataset.class_map import ClassMap
from hemabalance.errors import InputError
from hemabalance.sources.decode import FETCH_AGAIN
from hemabalance.sources.junk import SYSTEM_FOLDERS
from hemabalance.sources.labels import MAX_NAMED, known_folder

Row = Mapping[str, Any]

MAX_REASONS = 3
"""Maximum number of reasons that a sum of several files gives."""


def content_warnings(rows: Iterable[Row], classes: ClassMap) -> Iterator[str]:
    """Yield the warnings about files that are left out, and about images with a label that `classes` does not have."""
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
    unknown = Counter(row["label"] for row in rows if row["is_image"] and row["label"] and not classes.unlabelled)
    for label, count in unknown.items():
        if label not in classes.classes:
            yield f"{classes.found_in} {label!r} ({count} files) is no class of this source; its files are left out"


def refuse_empty_class(path: Path, folders: Iterable[str], rows: Sequence[Row], classes: ClassMap) -> None:
    """Refuse an archive with a folder of a class in which no image can be read.

    Args:
        path: the archive.
        folders: paths of all its folders.
        rows: all its members.
        classes: the folders that are classes.

    Raises:
        InputError: names the folder, and the reason and the remedy for its files.
    """
    if classes.found_in != "folder" or classes.unlabelled:
        return
    images = [row for row in rows if row["content"] == "image"]
    filled = {folder for row in images for folder in _enclosing(row["member"])}
    labels = {row["label"] for row in images}
    for folder in folders:
        known = known_folder(folder.split("/"), classes) or ""
        key = classes.key_of(known)
        if key is None or classes.classes[key] is None or key in labels or folder in filled:
            continue
        if not SYSTEM_FOLDERS.isdisjoint(folder.split("/")):
            continue
        inside = sorted((row for row in rows if row["label"] == key), key=lambda row: row["member"])
        files = [row for row in inside if not row["junk"]] or inside
        detail = f": {len(files)} files, {_reasons(files)}; the first is {files[0]['member']}" if files else ""
        what_to_do = ". ".join(_remedies(files)) or "Put its images there"
        raise InputError(
            f"{path}, folder {folder}",
            f"this class folder contains no readable image{detail}",
            f"{what_to_do}, or remove the folder to run without this class",
        )


def _reasons(rows: Iterable[Row]) -> str:
    """Return the most frequent reasons with their counts, such as `empty file (2); a hidden file (1)`."""
    counts = Counter(row["reason"] for row in rows).most_common()
    rest = sum(count for _, count in counts[MAX_REASONS:])
    parts = [f"{reason} ({count})" for reason, count in counts[:MAX_REASONS]]
    return "; ".join(parts + ([f"other reasons ({rest})"] if rest else []))


def _remedies(rows: Iterable[Row]) -> dict[str, int]:
    """Return the remedies, the most frequent first, and how many of the rows each is for."""
    return dict(Counter(row["remedy"] for row in rows if row["remedy"]).most_common())


def _enclosing(member: str) -> Iterator[str]:
    while member := member.rpartition("/")[0]:
        yield member
