"""Features of images on disk, found by a hash of all that they depend on: one image is computed once on a machine.

A folder holds files of up to `FILE_IMAGES` images, each with its sha256. A process writes only files of its own, whole
and atomically; therefore several processes can share the folder without locks. What is lost, damaged or deleted is
computed again.
"""

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from hemabalance.cache_folder import cache_folder
from hemabalance.errors import InputError
from hemabalance.metrics.pinned_tensors import Tensors, read_pinned, write_pinned

log = logging.getLogger(__name__)

SWITCH = "HEMABALANCE_FEATURES"
"""Environment variable: "0" computes all features; another value is the folder in which to keep them."""

LIMIT = 2 << 30
"""Bytes of the files of one network; beyond it, the files unused for longest are deleted."""

FILE_IMAGES = 1024
"""Images of a full file."""

SAVE_EVERY_S = 60.0
"""Seconds after which new features are written: a job that is killed loses no more."""

SMALL_FILES, SMALL_BYTES = 64, 1 << 20
"""So many files below this size are merged when a cache is opened."""

KEY_BYTES = 32

_KEYS, _FEATURES, _SUFFIX = "keys", "features", ".safetensors"
_DAMAGED = (SafetensorError, InputError, ValueError, KeyError, TypeError)


def open_feature_cache(network: str, width: int) -> "FeatureCache | None":
    """The cache of a network's features in the folder that SWITCH or else the user has for it; None if it is off.

    Args:
        network: name of the network, a folder name.
        width: features of an image.
    """
    chosen = os.environ.get(SWITCH, "")
    if chosen == "0":
        return None
    return FeatureCache((Path(chosen) if chosen else cache_folder() / "hemabalance" / "features") / network, width)


class FeatureCache:
    """Rows of features by key, in memory and in a folder; trouble with the folder is a warning, never an error."""

    def __init__(self, folder: Path, width: int) -> None:
        """Read the keys of the files in the folder.

        Args:
            folder: made when the first features are written.
            width: features of an image.
        """
        self._folder, self._width = folder, width
        self._places: dict[bytes, str] = {}  # key -> name of its file
        self._files: dict[str, tuple[int, int]] = {}  # name of a file whose keys are known -> its inode and size
        self._writable = True
        self._name, self._own = _new_name(), dict[bytes, np.ndarray]()  # the file that this process is filling
        self._unsaved, self._saved = 0, time.monotonic()
        self._look()
        self._merge_small_files()

    def read(self, keys: Iterable[bytes]) -> dict[bytes, np.ndarray]:
        """Features, float32 (width,), of the keys that are known, also from other processes' new files."""
        self._look()
        found: dict[bytes, np.ndarray] = {}
        members: dict[str, list[bytes]] = {}
        for key in dict.fromkeys(keys):
            if key in self._own:
                found[key] = self._own[key]
            elif key in self._places:
                members.setdefault(self._places[key], []).append(key)
        for name, wanted in members.items():
            rows = self._rows(name)
            found |= {key: rows[key] for key in wanted if key in rows}
            with suppress(OSError):  # the time says when a file was last used
                os.utime(self._folder / name)
        return found

    def add(self, key: bytes, features: np.ndarray) -> None:
        """Keep the features, float32 (width,), of a key of `KEY_BYTES` bytes; they are written by and by."""
        if not self._writable:
            return
        self._own[key] = features
        self._unsaved += 1
        if len(self._own) >= FILE_IMAGES or time.monotonic() - self._saved >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write all features that were added."""
        if not self._unsaved or not self._writable:
            return
        self._write(self._name, self._own)
        self._unsaved, self._saved = 0, time.monotonic()
        if len(self._own) >= FILE_IMAGES:
            self._name, self._own = _new_name(), {}
        self._delete_oldest()

    def _look(self) -> None:
        """Read the keys of the files that are new or have grown."""
        for entry in self._entries():
            with suppress(OSError):  # deleted meanwhile
                status = entry.stat()
                state = status.st_ino, status.st_size
                if not entry.name.endswith(_SUFFIX) or entry.name == self._name or self._files.get(entry.name) == state:
                    continue
                self._files[entry.name] = state
                self._places |= dict.fromkeys(self._keys(entry.name), entry.name)

    def _entries(self) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(self._folder) as entries:
                return list(entries)
        except OSError:  # not made yet, or it cannot be read
            return []

    def _keys(self, name: str) -> list[bytes]:
        try:
            with safe_open(str(self._folder / name), framework="numpy") as opened:
                return _split(opened.get_tensor(_KEYS))
        except _DAMAGED as error:
            self._discard(name, error)
            return []

    def _rows(self, name: str) -> dict[bytes, np.ndarray]:
        """All rows of a file; none if the file is damaged or cannot be read."""
        try:
            tensors = _read(self._folder / name)
            keys, features = _split(tensors[_KEYS]), tensors[_FEATURES]
            if features.shape != (len(keys), self._width) or features.dtype != np.float32:
                raise ValueError(f"features {features.dtype} {features.shape}")
            return dict(zip(keys, features, strict=True))
        except OSError:  # deleted by another process
            return {}
        except _DAMAGED as error:
            self._discard(name, error)
            return {}

    def _discard(self, name: str, error: Exception) -> None:
        path = self._folder / name
        if isinstance(error, InputError) and not path.is_file():
            return  # deleted by another process
        log.warning("%s is damaged: its features are computed again (%s)", path, error)
        self._places = {key: place for key, place in self._places.items() if place != name}
        with suppress(OSError):
            path.unlink()

    def _write(self, name: str, rows: dict[bytes, np.ndarray]) -> None:
        keys = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, KEY_BYTES)
        try:
            write_pinned(
                self._folder / name, {_KEYS: keys, _FEATURES: np.stack([*rows.values()])}, "features of images"
            )
        except (InputError, OSError) as error:
            self._writable = False
            problem = f"{error.where}: {error.problem}" if isinstance(error, InputError) else str(error)
            log.warning("Features of images are not kept for other jobs (%s)", problem)

    def _merge_small_files(self) -> None:
        """Replace many small files, as many small jobs write them, by few."""
        names = [name for name, (_, size) in self._files.items() if size < SMALL_BYTES]
        if len(names) < SMALL_FILES:
            return
        rows = {key: row for name in names for key, row in self._rows(name).items()}
        keys = list(rows)
        for start in range(0, len(keys), FILE_IMAGES):
            merged = _new_name()
            self._write(merged, {key: rows[key] for key in keys[start : start + FILE_IMAGES]})
        if self._writable:
            for name in names:
                with suppress(OSError):
                    (self._folder / name).unlink()
        self._look()

    def _delete_oldest(self) -> None:
        """Keep the folder below LIMIT; this also deletes what killed processes left half written."""
        files: list[tuple[float, int, str]] = []
        for entry in self._entries():
            with suppress(OSError):
                status = entry.stat()
                files.append((status.st_mtime, status.st_size, entry.path))
        excess = sum(size for _, size, _ in files) - LIMIT
        for _, size, path in sorted(files):
            if excess <= 0:
                return
            with suppress(OSError):
                os.unlink(path)
            excess -= size


def _new_name() -> str:
    return f"{uuid.uuid4().hex}{_SUFFIX}"


def _split(keys: np.ndarray) -> list[bytes]:
    if keys.dtype != np.uint8 or keys.ndim != 2 or keys.shape[1] != KEY_BYTES:
        raise ValueError(f"keys {keys.dtype} {keys.shape}")
    return [key.tobytes() for key in keys]


def _read(path: Path) -> Tensors:
    with safe_open(str(path), framework="numpy") as opened:
        sha256 = json.loads(opened.metadata()["description"])["sha256"]
    return read_pinned(path, "cached", sha256)


def hash_key(*parts: bytes | str | np.ndarray) -> bytes:
    """A key: sha256 over parts, each with its length, and shape and dtype if it is an array."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype.str} {part.shape}\n".encode())
            total.update(np.ascontiguousarray(part).data)
        else:
            content = part.encode() if isinstance(part, str) else part
            total.update(f"{len(content)}\n".encode())
            total.update(content)
    return total.digest()
