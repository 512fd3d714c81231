"""Parsed syntax trees of earlier processes, by the content of the files: parsing takes a third of a dry run."""

import atexit
import hashlib
import json
import logging
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.files import write_json

log = logging.getLogger(__name__)

FILE = "hemabalance/trees.json"
"""In `.snakemake`: hash of a file's content -> hash of its syntax tree, and the names that it imports."""
MOST = 5000
"""Entries to keep; beyond it only those that this process has used."""

Entry = tuple[str, list[str]]


class TreeCache:
    """A dictionary by content, which `open` connects to a file."""

    def __init__(self) -> None:
        self._version = b""
        self._entries: dict[str, Entry] = {}
        self._used: dict[str, Entry] = {}

    def open(self, state: Path, *, version: bytes) -> None:
        """Add the entries of a file, and write the file when this process ends, if there is anything new.

        Args:
            state: Snakemake's folder `.snakemake`.
            version: of the code that parses; the entries of another version are not found.
        """
        self._version, path = version, state / FILE
        try:
            self._entries |= {key: (tree, names) for key, (tree, names) in json.loads(path.read_bytes()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            log.debug("%s is not readable; all files are parsed", path)
        atexit.register(self._save, path, len(self._entries))

    def get(self, content: bytes) -> Entry | None:
        """The entry of a content; None if there is none."""
        key = self._key(content)
        entry = self._entries.get(key)
        if entry is not None:
            self._used[key] = entry
        return entry

    def put(self, content: bytes, entry: Entry) -> Entry:
        """Add an entry, and return it."""
        key = self._key(content)
        self._entries[key] = self._used[key] = entry
        return entry

    def _key(self, content: bytes) -> str:
        return hashlib.sha256(self._version + content).hexdigest()

    def _save(self, path: Path, before: int) -> None:
        if len(self._entries) == before:
            return
        entries = self._entries if len(self._entries) <= MOST else self._used
        try:
            write_json(entries, path)
        except InputError as error:  # only time is lost
            log.debug("%s", error)
