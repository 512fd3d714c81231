"""What a laboratory's folder or archive holds by the names of its files: images, tables, junk, anything else."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hemabalance.classes import class_name
from hemabalance.errors import InputError
from hemabalance.sources.archives import Archive, Limits, open_archive
from hemabalance.sources.formats import IMAGE_SUFFIXES, READABLE, format_of
from hemabalance.sources.junk import junk_of
from hemabalance.survey.tables import TABLE_SUFFIXES

_ARCHIVE_SUFFIX = re.compile(r"(\.tar)?\.(zip|tar|tgz|tbz2|txz|gz|bz2|xz)$", re.IGNORECASE)
_LOOKED_INTO = 20
"""Files without the suffix of an image that are looked into where no file has such a suffix."""


@dataclass(frozen=True)
class ListedLaboratory:
    """A laboratory's open archive, listed.

    Attributes:
        name: key among the sources of a config, made of the name of the folder or file.
        given: path as the user gave it.
        archive: the open archive.
        images: members that are images by their names, sorted.
        tables: members that may be tables of labels.
        junk: number of files of operating systems, which count for nothing.
        others: suffix -> number of all other files.
    """

    name: str
    given: str
    archive: Archive
    images: tuple[str, ...]
    tables: tuple[str, ...]
    junk: int
    others: Counter[str]


def list_laboratories(given: Sequence[str], limits: Limits, stack: ExitStack) -> list[ListedLaboratory]:
    """Open and list the laboratories in the order given; `stack` closes the archives.

    Raises:
        InputError: as `archives.open_archive`; a path is given twice; a laboratory has no image.
    """
    names: list[str] = []
    for path in given:
        if Path(path).resolve() in [Path(other).resolve() for other in given[: len(names)]]:
            raise InputError(path, "is given twice", "Name each laboratory once")
        names.append(_free_name(path, names))
    return [_list(name, path, limits, stack) for name, path in zip(names, given, strict=True)]


def _free_name(path: str, taken: Iterable[str]) -> str:
    name = class_name(_ARCHIVE_SUFFIX.sub("", Path(os.path.abspath(path)).name)) or "laboratory"
    taken, number, free = set(taken), 2, name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def _list(name: str, given: str, limits: Limits, stack: ExitStack) -> ListedLaboratory:
    archive = stack.enter_context(open_archive(Path(given), limits))
    members = [member.name for member in archive.members]
    wanted = [member for member in members if junk_of(member) is None]
    images = [member for member in wanted if member.lower().endswith(IMAGE_SUFFIXES)]
    if not images:
        images = _images_by_content(archive, wanted)
    rest = set(wanted) - set(images)
    tables = tuple(sorted(member for member in rest if member.lower().endswith(TABLE_SUFFIXES)))
    others = Counter(Path(member).suffix.lower() or "no suffix" for member in sorted(rest - set(tables)))
    if not images:
        found = ", ".join(f"{count} {suffix}" for suffix, count in others.most_common(5)) or "no file at all"
        raise InputError(
            given, f"holds no image ({found})", f"Give a folder, zip or tar of single-cell images: {READABLE}"
        )
    return ListedLaboratory(
        name, given, archive, tuple(images), tables, len(members) - len(wanted), others
    )  # fmt: skip


def _images_by_content(archive: Archive, members: Sequence[str]) -> list[str]:
    """All members whose suffix (or lack of one) is that of a file that is an image by its first bytes."""
    suffixes = {Path(name).suffix for name, data in archive.read(members[:_LOOKED_INTO]) if format_of(data) is not None}
    return [member for member in members if Path(member).suffix in suffixes]
