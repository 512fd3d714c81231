"""What an archive may contain, and what its readers may expect of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Limits:
    """What an archive may contain: files, bytes of one file, bytes of all, uncompressed/compressed size."""

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

    `members` are its files sorted by name; `folders` every folder that it names or that a member implies, sorted,
    without a trailing slash. Names are UTF-8, relative, '/'-separated, without `.` and `..`, each there once.
    """

    path: Path
    members: tuple[Member, ...]
    folders: tuple[str, ...]

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Stream (name, content) of the named members, one in memory at a time; callable from several threads.

        Order: as asked from a zip or folder; archive order, in one pass, from a tar, which has no random access.

        Raises:
            InputError: a member is damaged, fails its checksum, or is not as long as declared.
            KeyError: no member has that name.
        """
