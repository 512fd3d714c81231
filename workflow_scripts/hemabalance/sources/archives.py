"""The one door for untrusted archives: every name and size is checked, and nothing is extracted under its own path."""

import bz2
import gzip
import lzma
import os
import re
import stat
import struct
import sys
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, NoReturn, Protocol, cast

from hemabalance.errors import InputError
from hemabalance.files import CHUNK

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
COMPRESSED_TAR: dict[bytes, tuple[str, Callable[[Path], IO[bytes]]]] = {
    b"\x1f\x8b": ("gzip", cast(Callable[[Path], IO[bytes]], gzip.open)),
    b"BZh": ("bzip2", cast(Callable[[Path], IO[bytes]], bz2.open)),
    b"\xfd7zXZ\0": ("xz", cast(Callable[[Path], IO[bytes]], lzma.open)),
}
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
MAX_NAME, MAX_DEPTH = 1024, 32  # a short archive can imply gigabytes of folder names
TAR_OVERHEAD = 4096  # header, extended header and padding of one member
RATIO_FREE = 1 << 20  # tar pads to 10 KiB, which alone is a high ratio in a tiny archive
ZEROS = bytes(tarfile.BLOCKSIZE)
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    OverflowError,
)

AGAIN = "Download it again from its publisher"
DISTRUST = "Do not use this archive; download it again from its publisher"
REPACK = "Unpack it yourself and give the unpacked folder instead"


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


@contextmanager
def open_archive(path: Path, limits: Limits) -> Iterator[Archive]:
    """Open a zip, a zip around one zip, a tar (plain, gzip, bzip2, xz) or an unpacked folder, told by content.

    An archive without any file opens, with no members.

    Raises:
        InputError: the path is missing, empty, truncated or no archive; any of its members has an unsafe, doubled or
            undecodable name, is a link, a device or encrypted; or it exceeds `limits`.
    """
    with ExitStack() as stack:
        yield _opened(Path(path), limits, stack)


def _opened(path: Path, limits: Limits, stack: ExitStack) -> Archive:
    if path.is_dir():
        return _Folder(path, limits)
    if not path.exists():
        raise InputError(
            path,
            "does not exist; a zip, a tar or an unpacked folder was expected here",
            "Put the archive there, or correct its path in the config",
        )
    if not path.is_file():
        raise InputError(path, "is neither a file nor a folder", "Give a zip, a tar or an unpacked folder")
    with _explained(str(path)), path.open("rb") as handle:
        head = handle.read(8)
    if not head:
        raise InputError(path, "is an empty file (0 bytes)", AGAIN)
    return _open_zip(path, limits, stack) if head.startswith(ZIP_MAGIC) else _Tar(path, head, limits)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise InputError(where, "may not be read", "Check its owner and permissions") from error
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise InputError(where, f"is truncated or damaged ({_shown(reason)})", AGAIN) from error


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _at(where: str, name: str) -> str:
    return f"{where}: {_shown(name)}"


class _Listing:
    """The names and sizes of an archive, refused as soon as one of them is out of bounds."""

    def __init__(self, where: str, limits: Limits) -> None:
        self.where, self.limits = where, limits
        self.total = self.named_folders = 0
        self.sizes: dict[str, int] = {}
        self.folders: set[str] = set()

    def add_folder(self, raw: str) -> None:
        self.named_folders += 1
        if self.named_folders > self.limits.max_members:
            self.exceeds(raw, f"is past the {self.limits.max_members} folders allowed", "max_members")
        self._imply(self._parts(raw))

    def add_file(self, raw: str, size: int, packed: int | None = None) -> str:
        """Check and note a file of `size` bytes (`packed` where known); return its name in normal form."""
        parts = self._parts(raw)
        name = "/".join(parts)
        if not name:
            self.refuse(raw, "has no file name", DISTRUST)
        if name in self.sizes:
            self.refuse(name, "is in the archive twice", REPACK)
        self._imply(parts[:-1])
        self._check_sizes(name, size, packed)
        self.sizes[name] = size
        return name

    def refuse(self, name: str, problem: str, remedy: str) -> NoReturn:
        raise InputError(_at(self.where, name), problem, remedy)

    def exceeds(self, name: str, problem: str, limit: str) -> NoReturn:
        self.refuse(name, problem, f"If you trust this archive, raise limits.{limit} in the config")

    def _parts(self, raw: str) -> list[str]:
        if any("\ud800" <= c <= "\udfff" for c in raw):
            self.refuse(raw, "has a name that is not UTF-8", REPACK)
        if re.match(r"[/\\]|[A-Za-z]:", raw):
            self.refuse(raw, "has an absolute path", DISTRUST)
        parts = [part for part in re.split(r"[/\\]", raw) if part not in ("", ".")]
        if ".." in parts:
            self.refuse(raw, "points outside the archive ('..' in its path)", DISTRUST)
        if len(raw) > MAX_NAME or len(parts) > MAX_DEPTH:
            shown = raw if len(raw) < 80 else raw[:80] + "..."
            self.refuse(shown, f"has a path over {MAX_NAME} characters or {MAX_DEPTH} levels", DISTRUST)
        return parts

    def _imply(self, parts: list[str]) -> None:
        self.folders.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))

    def _check_sizes(self, name: str, size: int, packed: int | None) -> None:
        limits = self.limits
        self.total += size
        if size < 0:
            self.refuse(name, f"declares a size of {size} bytes", DISTRUST)
        if len(self.sizes) >= limits.max_members:
            self.exceeds(name, f"is past the {limits.max_members} files allowed", "max_members")
        if size > limits.max_member_bytes:
            self.exceeds(name, f"has {size} bytes, {limits.max_member_bytes} are allowed", "max_member_bytes")
        if self.total > limits.max_total_bytes:
            self.exceeds(name, f"brings the sum to over {limits.max_total_bytes} bytes", "max_total_bytes")
        if packed is not None and size > limits.max_ratio * max(packed, 1):
            self.exceeds(name, f"expands {packed} bytes to {size}, over {limits.max_ratio:g} times", "max_ratio")


class _Listed:
    """What the three kinds of archive have in common."""

    def __init__(self, path: Path, listing: _Listing) -> None:
        self.path, self._where = path, listing.where
        self.members = tuple(Member(name, size) for name, size in sorted(listing.sizes.items()))
        self.folders = tuple(sorted(listing.folders))
        self._sizes = listing.sizes

    def _checked(self, name: str, content: bytes, more: bytes = b"") -> bytes:
        if more or len(content) != self._sizes[name]:
            seen = f"over {len(content)}" if more else str(len(content))
            raise InputError(_at(self._where, name), f"holds {seen} bytes, {self._sizes[name]} were declared", AGAIN)
        return content


def _read_up_to(handle: IO[bytes], size: int) -> bytes:
    chunks: list[bytes] = []
    while size > 0 and (chunk := handle.read(min(CHUNK, size))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


class _Folder(_Listed):
    def __init__(self, path: Path, limits: Limits) -> None:
        listing = _Listing(str(path), limits)
        self._files: dict[str, str] = {}
        pending = [""]
        while pending:
            folder = pending.pop()
            with _explained(_at(listing.where, folder)), os.scandir(path / folder) as entries:
                for entry in entries:
                    name = folder + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        listing.add_folder(name)
                        pending.append(name + "/")
                    elif entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                        self._files[listing.add_file(name, size)] = entry.path
                    else:
                        kind = "a symbolic link" if entry.is_symlink() else "a device, pipe or socket"
                        listing.refuse(name, f"is {kind}", "Replace it by the file itself, or remove it")
        super().__init__(path, listing)

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            file = self._files[name]
            with _explained(_at(self._where, name)):
                descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with open(descriptor, "rb") as handle:
                    content, more = _read_up_to(handle, self._sizes[name]), handle.read(1)
            yield name, self._checked(name, content, more)


def _open_zip(path: Path, limits: Limits, stack: ExitStack) -> Archive:
    outer = _zip_file(stack.enter_context(path.open("rb")), str(path))
    if not _holds_one_zip(outer.namelist()):
        return _Zip(path, str(path), outer, limits)
    wrapper = _Zip(path, str(path), outer, replace(limits, max_member_bytes=sys.maxsize))  # the total still binds
    inner = next(member.name for member in wrapper.members if _is_zip(member.name))
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    for chunk in wrapper.chunks(inner):
        try:
            copy.write(chunk)
        except OSError as error:
            remedy = "Free some space there or set TMPDIR to another folder"
            raise InputError(tempfile.gettempdir(), f"cannot hold the zip inside {path} ({error})", remedy) from error
    where = _at(str(path), inner)
    return _Zip(path, where, _zip_file(copy, where), limits)


def _zip_file(handle: IO[bytes], where: str) -> zipfile.ZipFile:
    with _explained(where):
        return zipfile.ZipFile(handle)


def _holds_one_zip(names: list[str]) -> bool:
    """Whether a zip is but a wrapper of another, as Mendeley's download is."""
    return sum(map(_is_zip, names)) == 1 and not any(n.lower().endswith(IMAGE_SUFFIXES) for n in names)


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip") and not re.search(r"(^|/)(__MACOSX/|\._)", name)


class _Zip(_Listed):
    def __init__(self, path: Path, where: str, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._lock = archive, threading.Lock()
        self._infos: dict[str, zipfile.ZipInfo] = {}
        listing = _Listing(where, limits)
        for info in archive.infolist():
            if fault := _zip_fault(info):
                listing.refuse(info.filename, *fault)
            if info.is_dir():
                listing.add_folder(info.filename)
            else:
                self._infos[listing.add_file(info.filename, info.file_size, info.compress_size)] = info
        super().__init__(path, listing)

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, self._checked(name, b"".join(self.chunks(name)))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content piece by piece: a single big read would inflate whatever a lying member hides."""
        info = self._infos[name]
        with _explained(_at(self._where, name)):
            # Only opening and closing share state; the handle itself locks its raw reads.
            with self._lock:
                handle = self._archive.open(info)
            try:
                while chunk := handle.read(CHUNK):
                    yield chunk
            finally:
                with self._lock:
                    handle.close()


def _zip_fault(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not info.flag_bits & 0x800 and not info.orig_filename.isascii():
        return "has a name that is not UTF-8", REPACK
    if info.flag_bits & 0x2041:
        return "is encrypted", "Unpack the archive with its password and give the unpacked folder instead"
    if kind == stat.S_IFLNK:
        return "is a symbolic link", DISTRUST
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a device, pipe or socket", DISTRUST
    # zipfile cannot bound what the other methods expand to.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}, neither stored nor deflated", REPACK
    return None


class _Tar(_Listed):
    def __init__(self, path: Path, head: bytes, limits: Limits) -> None:
        where = str(path)
        found = next((entry for magic, entry in COMPRESSED_TAR.items() if head.startswith(magic)), None)
        self._open = found[1] if found else _plain
        with _explained(where), self._open(path) as stream:
            first = stream.read(tarfile.BLOCKSIZE)
        try:
            tarfile.TarInfo.frombuf(first, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            problem = f"is a {found[0]} file that holds no tar" if found else "is neither a zip nor a tar"
            raise InputError(path, problem, "Give a zip, a tar or an unpacked folder") from error
        self._seekable = found is None
        self._offsets: dict[str, int] = {}
        listing = _Listing(where, limits)
        with _explained(where), self._open(path) as stream:
            self._scan(_TarStream(stream, self._seekable, path, limits), listing)
        super().__init__(path, listing)

    def _scan(self, stream: "_TarStream", listing: _Listing) -> None:
        with tarfile.TarFile(fileobj=cast(IO[bytes], stream), encoding="utf-8", errors="surrogateescape") as tar:
            for info in tar:
                if fault := _tar_fault(info):
                    listing.refuse(info.name, fault, REPACK if info.issparse() else DISTRUST)
                if info.isdir():
                    listing.add_folder(info.name)
                else:
                    self._offsets[listing.add_file(info.name, info.size)] = info.offset_data
        if stream.last != ZEROS:
            raise InputError(listing.where, "is truncated or damaged (no end mark after its last member)", AGAIN)
        while not self._seekable and stream.read(CHUNK):
            pass  # to the compressed stream's own checksum

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        with self._open(self.path) as stream:
            for name in sorted(names, key=self._offsets.__getitem__):
                with _explained(_at(self._where, name)):
                    stream.seek(self._offsets[name])
                    content = _read_up_to(stream, self._sizes[name])
                yield name, self._checked(name, content)


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _tar_fault(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "is a symbolic link" if info.issym() else "is a hard link"
    if info.issparse():
        return "is a sparse file"
    return None if info.isreg() or info.isdir() else "is a device, pipe or of an unknown type"


class _TarStream:
    """What tarfile scans: forward only, in bounded reads, and not past what the limits let a tar expand to."""

    def __init__(self, stream: IO[bytes], seekable: bool, path: Path, limits: Limits) -> None:
        self._stream, self._seekable, self._path = stream, seekable, path
        self._most = limits.max_total_bytes + TAR_OVERHEAD * (limits.max_members + 1) + RATIO_FREE
        self._most_by_ratio = max(limits.max_ratio * path.stat().st_size, RATIO_FREE)
        self._position = 0
        self.last = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("a header that points backwards")
        if self._seekable:
            self._position = self._stream.seek(position)
        while self._position < position and self.read(min(CHUNK, position - self._position)):
            pass

    def read(self, size: int) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        limit = "max_ratio" if self._position > self._most_by_ratio else "max_total_bytes"
        if self._position > min(self._most, self._most_by_ratio):
            problem = f"expands to over {self._position} bytes, which limits.{limit} forbids"
            raise InputError(self._path, problem, f"If you trust this archive, raise limits.{limit} in the config")
        return self.last
