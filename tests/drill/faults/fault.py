"""What a fault is, and small things that many faults do."""

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
    """Something that happens to a run.

    Attributes:
        kind: group in the table.
        name: what happens, and to what.
        work: what of the finished run is to be made when it happens.
        act: starts the workflow, does it, waits for the end, and undoes what a person would undo.
        base: the finished run that it happens to: `PLAIN`, `PUBLISHED` with DVC, or `RAW`, from archives put there.
    """

    kind: str
    name: str
    work: Work
    act: Callable[[Scene], None]
    base: str = PLAIN


def write_anew(path: Path, content: bytes, *, keep_time: bool) -> None:
    """Change what a file holds; where it was linked to, nothing changes."""
    before = path.stat()
    path.unlink()
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip(path: Path, moments: random.Random, *, keep_time: bool) -> None:
    """Change one bit, somewhere in the middle third."""
    content = bytearray(path.read_bytes())
    content[moments.randrange(len(content) // 3, 1 + 2 * len(content) // 3)] ^= 1 << moments.randrange(8)
    write_anew(path, bytes(content), keep_time=keep_time)


def cut(path: Path, moments: random.Random, *, keep_time: bool) -> None:
    """Cut the end off."""
    content = path.read_bytes()
    write_anew(path, content[: moments.randrange(len(content) // 4, len(content) - 1)], keep_time=keep_time)


def only(paths: list[Path], what: str) -> Path:
    """The first of the paths."""
    if not paths:
        raise LookupError(f"there is no {what}")
    return paths[0]
