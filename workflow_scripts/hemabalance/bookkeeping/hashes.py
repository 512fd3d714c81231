"""md5 of files, as DVC has them, computed again only for files that were touched."""

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
    """The md5 of a file's bytes, lower-case hex: DVC's name for its content, no protection against forgery."""
    digest = hashlib.md5(usedforsecurity=False)
    with Path(path).open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class FileHashes:
    """md5 by path, remembered in a file with times, size and inode of each."""

    def __init__(self, cache: Path) -> None:
        """Read the cache; a missing or damaged one is an empty one.

        Args:
            cache: JSON, `save` writes it.
        """
        self._cache = cache
        self._known: dict[str, list[object]] = {}
        self._noted: dict[str, list[object]] = {}
        self._changed = False
        try:
            found = json.loads(cache.read_bytes())
            if found["version"] == VERSION:
                self._known, self._noted = dict(found["files"]), dict(found["noted"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def fill(self, paths: Iterable[str]) -> None:
        """Hash what is new among files, several at a time; those that are not there are left out."""
        new = [path for path in dict.fromkeys(paths) if os.path.isfile(path) and self._remembered(path) is None]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # hashing leaves Python's lock alone
            for path, key, md5 in pool.map(_hashed, new):
                self._known[path] = [*key, md5]
                self._changed = True

    def md5(self, path: str) -> str | None:
        """The md5 of a file; None if it is not there."""
        if not os.path.isfile(path):
            return None
        self.fill([path])
        return self._remembered(path)

    def lift(self, path: str, time: float) -> None:
        """Set a file's modification time; its content, and so its md5, stays."""
        md5 = self.md5(path)
        os.utime(path, (time, time))
        if md5 is not None:
            self._known[path] = [*_key(path), md5]
            self._changed = True

    def note(self, path: str, what: object) -> None:
        """Remember something of a file's present content."""
        entry = [self.md5(path), what]
        if self._noted.get(path) != entry:
            self._noted[path], self._changed = entry, True

    def noted(self, path: str) -> object:
        """What was noted of a file's present content, whenever it was touched since; None for nothing."""
        md5, what = self._noted.get(path, (None, None))
        return what if md5 is not None and md5 == self.md5(path) else None

    def save(self) -> None:
        """Write the cache, if there is anything new, without files that are gone."""
        if self._changed:
            files, noted = (
                {path: entry for path, entry in sorted(entries.items()) if os.path.isfile(path)}
                for entries in (self._known, self._noted)
            )
            with locked(self._cache.with_suffix(".lock")):
                write_json({"version": VERSION, "files": files, "noted": noted}, self._cache)
            self._changed = False

    def _remembered(self, path: str) -> str | None:
        entry = self._known.get(path)
        return str(entry[-1]) if entry and entry[:-1] == _key(path) else None


def _key(path: str) -> list[object]:
    """What changes whenever a program writes to a file, be it one that sets the modification time back."""
    found = os.stat(path)
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino]


def _hashed(path: str) -> tuple[str, list[object], str]:
    # The key is taken first: a file that changes meanwhile is hashed again next time.
    return path, _key(path), md5_file(path)
