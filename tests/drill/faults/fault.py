"""The class of a fault, and operations common to many faults."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drill.scene import Scene
from drill.work import Work

PLAIN, PUBLISHED, RAW = "plain", "published", "raw"


@dataclass(frozen=True)
class Fault:
    """A fault of the drill.

    Attributes:
        kind: group in the table.
        name: description of the fault.
        work: part of the finished run to remove, so that it runs when the fault happens.
        act: starts the workflow, injects the fault, waits for the end, and undoes whatever a user would undo.
        base: the finished run to copy: `PLAIN`, `PUBLISHED` with DVC, or `RAW` from local archives.
    """

    kind: str
    name: str
    work: Work
    act: Callable[[Scene], None]
    base: str = PLAIN


def rewrite(path: Path, content: bytes, *, keep_time: bool) -> None:
    """Replace a file by one with other content; other hard links keep the old content."""
    before = path.stat()
    path.unlink()
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(path: Path, random_source: random.Random, *, keep_time: bool) -> None:
    """Invert one bit in the middle third of a file."""
    content = bytearray(path.read_bytes())
    content[random_source.randrange(len(content) // 3, 1 + 2 * len(content) // 3)] ^= 1 << random_source.randrange(8)
    rewrite(path, bytes(content), keep_time=keep_time)


def cut(path: Path, random_source: random.Random, *, keep_time: bool) -> None:
    """Truncate a file."""
    content = path.read_bytes()
    rewrite(path, content[: random_source.randrange(len(content) // 4, len(content) - 1)], keep_time=keep_time)


def first_path(paths: list[Path], what: str) -> Path:
    """Return the first path, or raise LookupError."""
    if not paths:
        raise LookupError(f"there is no {what}")
    return paths[0]
