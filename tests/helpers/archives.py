"""Archives for tests: intact ones in every format, and archives with a single defect."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

Files = Mapping[str, bytes]
TarMode = Literal["w:", "w:gz", "w:bz2", "w:xz"]


def write_zip(path: Path, files: Files, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zip_info(name, compression), content)
    return path


def without_utf8_flag(path: Path) -> Path:
    """Clear the flag of every member that says that its name is UTF-8, as Finder leaves it."""
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + flags + 1] &= ~0x08
            start = data.find(signature, start + 1)
    path.write_bytes(data)
    return path


def zip_info(name: str, compression: int = zipfile.ZIP_STORED, unix_mode: int = 0) -> zipfile.ZipInfo:
    """A ZipInfo with exactly this name, which the ZipInfo constructor would normalise."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.compress_type = compression
    info.external_attr = unix_mode << 16
    return info


def zip_bytes(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zip_info(name, compression), content)
    return buffer.getvalue()


def write_tar(path: Path, files: Files, mode: TarMode = "w:") -> Path:
    return write_tar_members(path, [tar_member(name, content) for name, content in files.items()], mode)


def write_tar_members(path: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]], mode: TarMode = "w:") -> Path:
    with tarfile.open(str(path), mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def tar_member(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special_tar_member(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def write_folder(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


CENTRAL_FLAGS, CENTRAL_CRC, CENTRAL_SIZE = (8, "<H"), (16, "<I"), (24, "<I")


def patch_central(path: Path, name: str, field: tuple[int, str], value: int) -> Path:
    """Overwrite one field of a member's record in a zip's central directory."""
    data = bytearray(path.read_bytes())
    start = data.rindex(name.encode()) - 46
    assert data[start : start + 4] == b"PK\x01\x02"
    struct.pack_into(field[1], data, start + field[0], value)
    path.write_bytes(data)
    return path


def flip_byte(path: Path, within: bytes) -> Path:
    """Invert the middle byte of the only occurrence of `within`."""
    data = bytearray(path.read_bytes())
    assert data.count(within) == 1
    data[data.index(within) + len(within) // 2] ^= 0xFF
    path.write_bytes(data)
    return path
