"""Limits of an archive, and the interface of an open archive."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Limits:
    """Upper limits of an archive: number of files, bytes of one file, bytes in total, uncompressed/compressed size."""

    max_members: int
    max_member_bytes: int
    max_total_bytes: int
    max_ratio: float


@dataclass(frozen=True)
class Member:
    """A file in an archive: its path, '/'-separated, and its uncompressed size in bytes."""

    name: str
    size: int


class Archive(Protocol):
    """An open archive.

    `members` are the files sorted by name. `folders` are all folders listed or implied by a member's path, sorted,
    without a trailing slash. Names are UTF-8, relative, '/'-separated, without `.` and `..`, and unique.
    `crc32` has the CRC-32 of members that the archive itself records: of all in a zip, of none elsewhere.
    """

    path: Path
    members: tuple[Member, ...]
    folders: tuple[str, ...]
    crc32: Mapping[str, int]

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Yield (name, content) of the named members, one in memory at a time; callable from several threads.

        A zip or folder yields in the order of `names`; a tar, which has no random access, in archive order in one pass.

        Raises:
            InputError: a member is damaged, fails its checksum, or differs from its declared size.
            KeyError: no member has that name.
        """
