"""Reader for tar archives, plain or compressed by gzip, bzip2 or xz."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from hemabalance.errors import InputError
from hemabalance.files import CHUNK
from hemabalance.sources.containers.contract import Limits
from hemabalance.sources.containers.errors import (
    DISTRUST,
    DOWNLOAD_AGAIN,
    UNPACK,
    archive_errors,
    member_location,
    raise_limit,
)
from hemabalance.sources.containers.listing import ListedArchive, Listing

Opener = Callable[[Path], io.BufferedIOBase]
COMPRESSED: dict[bytes, tuple[str, Opener]] = {
    b"\x1f\x8b": ("gzip", gzip.GzipFile),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\0": ("xz", lzma.LZMAFile),
}
OVERHEAD = 4096  # header, extended header and padding of one member
RATIO_EXEMPT_BYTES = 1 << 20  # not checked by ratio: padding to 10 KiB alone gives a tiny tar a high ratio
ZEROS = bytes(tarfile.BLOCKSIZE)


class Tar(ListedArchive):
    """The files of a tar: scanned once to the end, then read in passes from the start."""

    def __init__(self, path: Path, head: bytes, limits: Limits) -> None:
        compression = next((kind for magic, kind in COMPRESSED.items() if head.startswith(magic)), None)
        self._open = compression[1] if compression else _plain
        listing = Listing(str(path), limits)
        with archive_errors(listing.where), self._open(path) as stream:
            first = stream.read(tarfile.BLOCKSIZE)
        try:
            tarfile.TarInfo.frombuf(first, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            problem = f"is a {compression[0]} file that holds no tar" if compression else "is neither a zip nor a tar"
            raise InputError(path, problem, "Give a zip, a tar or an unpacked folder") from error
        with archive_errors(listing.where), self._open(path) as stream:
            self._offsets = _scan(_BoundedStream(stream, compression is None, path, limits), listing)
        super().__init__(path, listing)

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `contract.Archive.read`."""
        with self._open(self.path) as stream:
            for name in sorted(names, key=self._offsets.__getitem__):
                with archive_errors(member_location(self.where, name)):
                    stream.seek(self._offsets[name])
                    content = stream.read(self.sizes[name])
                yield name, self.check_length(name, content)


def _plain(path: Path) -> io.BufferedIOBase:
    return path.open("rb")


def _scan(stream: "_BoundedStream", listing: Listing) -> dict[str, int]:
    """List all members; return name -> offset of the file content in the expanded stream, in bytes."""
    offsets: dict[str, int] = {}
    with tarfile.TarFile(
        fileobj=cast(IO[bytes], stream), tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for info in tar:
            if refusal := _unsupported(info):
                listing.refuse(info.name, *refusal)
            if info.isdir():
                listing.add_folder(info.name)
            else:
                offsets[listing.add_file(info.name, info.size)] = info.offset_data
    if stream.last != ZEROS:
        raise InputError(listing.where, "is truncated or damaged (no end mark after its last member)", DOWNLOAD_AGAIN)
    while not stream.seekable and stream.read(CHUNK):
        pass  # read on to verify the checksum of the compressed stream
    return offsets


def _unsupported(info: tarfile.TarInfo) -> tuple[str, str] | None:
    """Return problem and remedy if a member is not a plain file or folder, else None."""
    if info.issym() or info.islnk():
        return "is a symbolic link" if info.issym() else "is a hard link", DISTRUST
    if info.issparse():
        return "is a sparse file", UNPACK
    return None if info.isreg() or info.isdir() else ("is a device, pipe or of an unknown type", DISTRUST)


class _Header(tarfile.TarInfo):
    """Refuses a negative size by its member's name, at which some releases of Python end the scan without a word."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        # frombuf is public and would do, but not every release of Python reads members through it.
        if self.size < 0:
            raise tarfile.ReadError(f"{self.name} declares a size of {self.size} bytes")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


class _BoundedStream:
    """Stream for tarfile: forward only, with bounded reads, up to the expanded size that the limits allow."""

    def __init__(self, stream: io.BufferedIOBase, seekable: bool, path: Path, limits: Limits) -> None:
        self.seekable, self._stream, self._path = seekable, stream, path
        self._max_bytes = limits.max_total_bytes + OVERHEAD * (limits.max_members + 1) + RATIO_EXEMPT_BYTES
        self._max_bytes_by_ratio = max(limits.max_ratio * path.stat().st_size, RATIO_EXEMPT_BYTES)
        self._position = 0
        self.last = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("a header that points backwards")
        if self.seekable:
            self._position = self._stream.seek(position)
        while self._position < position and self.read(min(CHUNK, position - self._position)):
            pass

    def read(self, size: int) -> bytes:
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        limit = "max_ratio" if self._position > self._max_bytes_by_ratio else "max_total_bytes"
        if self._position > min(self._max_bytes, self._max_bytes_by_ratio):
            problem = f"expands to over {self._position} bytes, which limits.{limit} forbids"
            raise InputError(self._path, problem, raise_limit(limit))
        return self.last
