"""Check the names and sizes that an archive declares, and compare them with the content read."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from hemabalance.errors import InputError
from hemabalance.sources.containers.contract import Limits, Member
from hemabalance.sources.containers.errors import DISTRUST, DOWNLOAD_AGAIN, UNPACK, member_location, raise_limit

MAX_NAME, MAX_DEPTH = 1024, 32  # a small archive can imply gigabytes of folder names


class Listing:
    """Names and sizes of an archive; the first one out of bounds raises InputError."""

    def __init__(self, where: str, limits: Limits) -> None:
        self.where, self.limits = where, limits
        self.total = self.named_folders = 0
        self.sizes: dict[str, int] = {}
        self.folders: set[str] = set()

    def add_folder(self, raw: str) -> None:
        """Check and record a folder."""
        self.named_folders += 1
        if self.named_folders > self.limits.max_members:
            self._exceeds(raw, f"is past the {self.limits.max_members} folders allowed", "max_members")
        self._add_folders(self._split_path(raw))

    def add_file(self, raw: str, size: int, compressed: int | None = None) -> str:
        """Check and record a file of `size` bytes (`compressed` size if known); return its normalised name."""
        parts = self._split_path(raw)
        name = "/".join(parts)
        if not name:
            self.refuse(raw, "has no file name", DISTRUST)
        if name in self.sizes:
            self.refuse(name, "occurs twice in the archive", UNPACK)
        self._add_folders(parts[:-1])
        self._check_sizes(name, size, compressed)
        self.sizes[name] = size
        return name

    def refuse(self, name: str, problem: str, remedy: str) -> NoReturn:
        """Raise an InputError about a member."""
        raise InputError(member_location(self.where, name), problem, remedy)

    def _exceeds(self, name: str, problem: str, limit: str) -> NoReturn:
        self.refuse(name, problem, raise_limit(limit))

    def _split_path(self, raw: str) -> list[str]:
        if re.search("[\ud800-\udfff]", raw):
            self.refuse(raw, "has a name that is not UTF-8", UNPACK)
        if re.match(r"[/\\]|[A-Za-z]:", raw):
            self.refuse(raw, "has an absolute path", DISTRUST)
        parts = [part for part in re.split(r"[/\\]", raw) if part not in ("", ".")]
        if ".." in parts:
            self.refuse(raw, "points outside the archive ('..' in its path)", DISTRUST)
        if len(raw) > MAX_NAME or len(parts) > MAX_DEPTH:
            shortened = raw if len(raw) < 80 else raw[:80] + "..."
            self.refuse(shortened, f"has a path over {MAX_NAME} characters or {MAX_DEPTH} levels", DISTRUST)
        return parts

    def _add_folders(self, parts: list[str]) -> None:
        self.folders.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))

    def _check_sizes(self, name: str, size: int, compressed: int | None) -> None:
        limits = self.limits
        self.total += size
        if size < 0:
            self.refuse(name, f"declares a size of {size} bytes", DISTRUST)
        if len(self.sizes) >= limits.max_members:
            self._exceeds(name, f"is past the {limits.max_members} files allowed", "max_members")
        if size > limits.max_member_bytes:
            self._exceeds(name, f"has {size} bytes, {limits.max_member_bytes} are allowed", "max_member_bytes")
        if self.total > limits.max_total_bytes:
            self._exceeds(name, f"brings the sum to over {limits.max_total_bytes} bytes", "max_total_bytes")
        if compressed is not None and size > limits.max_ratio * max(compressed, 1):
            self._exceeds(name, f"expands {compressed} bytes to {size}, over {limits.max_ratio:g} times", "max_ratio")


class ListedArchive:
    """Base class of the readers: members, folders and sizes from a listing."""

    def __init__(self, path: Path, listing: Listing) -> None:
        self.path, self.where = path, listing.where
        self.members = tuple(Member(name, size) for name, size in sorted(listing.sizes.items()))
        self.folders = tuple(sorted(listing.folders))
        self.sizes = listing.sizes
        self.crc32: Mapping[str, int] = {}

    def check_length(self, name: str, content: bytes) -> bytes:
        """Return the content of a member after checking that it has the declared size."""
        size = self.sizes[name]
        if len(content) != size:
            length = f"over {size}" if len(content) > size else str(len(content))
            raise InputError(
                member_location(self.where, name), f"has {length} bytes, {size} were declared", DOWNLOAD_AGAIN
            )
        return content
