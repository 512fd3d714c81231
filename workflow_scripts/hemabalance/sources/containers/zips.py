"""Reader for zip archives, and for a zip that only wraps another zip, such as Mendeley's download."""

import stat
import struct
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

from hemabalance.errors import InputError
from hemabalance.files import CHUNK
from hemabalance.sources.containers.contract import Limits
from hemabalance.sources.containers.errors import DISTRUST, UNPACK, archive_errors, member_location
from hemabalance.sources.containers.listing import ListedArchive, Listing
from hemabalance.sources.formats import IMAGE_SUFFIXES
from hemabalance.sources.junk import junk_of

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
UTF8_FLAG, ENCRYPTED_FLAGS, UNICODE_PATH = 0x800, 0x2041, 0x7075


def open_zip(path: Path, limits: Limits, stack: ExitStack) -> "Zip":
    """Open a zip, or the inner zip if the outer one has no images and one zip; `stack` closes the files."""
    outer = _zip_file(stack.enter_context(path.open("rb")), str(path))
    if not _is_wrapper(outer.namelist()):
        return Zip(path, str(path), outer, limits)
    wrapper = Zip(path, str(path), outer, replace(limits, max_member_bytes=sys.maxsize))  # max_total_bytes still binds
    inner = next((member.name for member in wrapper.members if _is_zip(member.name)), None)
    if inner is None:  # its name is another one than the one in the list
        return Zip(path, str(path), outer, limits)
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    for chunk in wrapper.chunks(inner):
        try:
            copy.write(chunk)
        except OSError as error:
            remedy = "Free some space there or set TMPDIR to another folder"
            raise InputError(tempfile.gettempdir(), f"cannot hold the zip inside {path} ({error})", remedy) from error
    where = member_location(str(path), inner)
    return Zip(path, where, _zip_file(copy, where), limits)


class Zip(ListedArchive):
    """The members of a zip, inflated in pieces up to their declared size and checked against their CRC."""

    def __init__(self, path: Path, where: str, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._lock = archive, threading.Lock()
        self._infos: dict[str, zipfile.ZipInfo] = {}
        listing = Listing(where, limits)
        for info in archive.infolist():
            if (name := _name_of(info)) is None:
                listing.refuse(info.filename, "has a name that is not UTF-8", UNPACK)
            if refusal := _unsupported(info):
                listing.refuse(name, *refusal)
            if info.is_dir():
                listing.add_folder(name)
            else:
                self._infos[listing.add_file(name, info.file_size, info.compress_size)] = info
        super().__init__(path, listing)
        self.crc32 = {name: info.CRC for name, info in self._infos.items()}

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `contract.Archive.read`."""
        for name in names:
            yield name, self.check_length(name, b"".join(self.chunks(name)))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content in chunks: one large read would inflate any amount of undeclared data."""
        info = self._infos[name]
        with archive_errors(self.where, name):
            # Only open and close share state; the handle locks its own raw reads.
            with self._lock:
                handle = self._archive.open(info)
            try:
                while chunk := handle.read(CHUNK):
                    yield chunk
            finally:
                with self._lock:
                    handle.close()


def _zip_file(handle: IO[bytes], where: str) -> zipfile.ZipFile:
    with archive_errors(where):
        return zipfile.ZipFile(handle)


def _is_wrapper(names: list[str]) -> bool:
    has_image = any(name.lower().endswith(IMAGE_SUFFIXES) and junk_of(name) is None for name in names)
    return sum(map(_is_zip, names)) == 1 and not has_image


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip") and junk_of(name) is None


def _name_of(info: zipfile.ZipInfo) -> str | None:
    """Return a member's name; None if neither its bytes nor the extra field for this purpose are UTF-8.

    Finder writes UTF-8 without the flag that says so, which zipfile takes for code page 437.
    """
    if info.flag_bits & UTF8_FLAG or info.orig_filename.isascii():
        return info.filename
    raw = info.orig_filename.encode("cp437")
    try:
        return (_unicode_path(info.extra, raw) or raw).partition(b"\0")[0].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unicode_path(extra: bytes, raw: bytes) -> bytes | None:
    """Return the name in the extra field `Info-ZIP Unicode Path` if it was written for the name `raw`, else None."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and body[:5] == struct.pack("<BI", 1, zlib.crc32(raw)):
            return body[5:]
    return None


def _unsupported(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    """Return problem and remedy if a member is not a plain file or folder, else None."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & ENCRYPTED_FLAGS:
        return "is encrypted", "Unpack the archive with its password and give the unpacked folder instead"
    if kind == stat.S_IFLNK:
        return "is a symbolic link", DISTRUST
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a device, pipe or socket", DISTRUST
    # zipfile cannot bound the output of the other compression methods.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}, neither stored nor deflated", UNPACK
    return None
