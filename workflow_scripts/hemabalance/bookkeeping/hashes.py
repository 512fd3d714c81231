"""md5 of files, as DVC computes them, cached until a file changes."""

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hemabalance.bookkeeping.locks import locked
from hemabalance.files import CHUNK, write_json

VERSION = 1


def md5_file(path: str | Path) -> str:
    """The md5 of a file's bytes, lower-case hex: DVC's name for a content, no protection against forgery."""
    digest = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class FileHashes:
    """md5 by path, cached in a JSON file together with times, size and inode of each file."""

    def __init__(self, cache: Path) -> None:
        """Read the cache; a missing or damaged cache counts as empty.

        Args:
            cache: JSON file, written by `save`.
        """
        self._cache = cache
        self._known: dict[str, list[object]] = {}
        self._notes: dict[str, list[object]] = {}
        self._changed = False
        try:
            content = json.loads(cache.read_bytes())
            if content["version"] == VERSION:
                self._known, self._notes = dict(content["files"]), dict(content["noted"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def fill(self, paths: Iterable[str]) -> None:
        """Hash the files that are new or changed, several at a time; missing files are skipped."""
        new = [path for path in dict.fromkeys(paths) if os.path.isfile(path) and self._cached(path) is None]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # hashing releases the GIL
            for path, key, md5 in pool.map(_hash, new):
                self._known[path] = [*key, md5]
                self._changed = True

    def md5(self, path: str) -> str | None:
        """The md5 of a file; None if the file does not exist."""
        if not os.path.isfile(path):
            return None
        self.fill([path])
        return self._cached(path)

    def set_time(self, path: str, time: float) -> None:
        """Set a file's modification time (seconds) without hashing the file again."""
        md5 = self.md5(path)
        os.utime(path, (time, time))
        if md5 is not None:
            self._known[path] = [*_key(path), md5]
            self._changed = True

    def set_note(self, path: str, note: object) -> None:
        """Attach a note, a JSON value, to the present content of a file."""
        value = [self.md5(path), note]
        if self._notes.get(path) != value:
            self._notes[path], self._changed = value, True

    def note(self, path: str) -> object:
        """The note on the present content of a file; None if there is none, or one on another content."""
        md5, note = self._notes.get(path, (None, None))
        return note if md5 is not None and md5 == self.md5(path) else None

    def save(self) -> None:
        """Write the cache if it has changed, without files that no longer exist."""
        if self._changed:
            files, notes = (
                {path: value for path, value in sorted(values.items()) if os.path.isfile(path)}
                for values in (self._known, self._notes)
            )
            with locked(self._cache.with_suffix(".lock")):
                write_json({"version": VERSION, "files": files, "noted": notes}, self._cache)
            self._changed = False

    def _cached(self, path: str) -> str | None:
        value = self._known.get(path)
        return str(value[-1]) if value and value[:-1] == _key(path) else None


def _key(path: str) -> list[object]:
    """(mtime_ns, ctime_ns, size, inode): changes with every write, even if a program resets the modification time."""
    status = os.stat(path)
    return [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]


def _hash(path: str) -> tuple[str, list[object], str]:
    # The key is read first: a file that changes during hashing is hashed again next time.
    return path, _key(path), md5_file(path)
