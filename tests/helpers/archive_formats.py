"""Archives in every format for tests of `open_archive`, and a check of its error messages."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.archives import Files, write_folder, write_tar, write_zip, zip_bytes
from hemabalance.errors import InputError
from hemabalance.sources.archives import Limits, open_archive

LIMITS = Limits(max_members=50, max_member_bytes=4 << 20, max_total_bytes=8 << 20, max_ratio=200.0)
FILES = {
    "set/BAS/b2.jpg": b"second of class BAS " * 9,
    "set/BAS/b1.jpg": b"first of class BAS",
    "set/ig/größe.tiff": bytes(range(256)) * 3,
    "set/ig/.DS_Store": b"",
    "notes.txt": b"read me",
}
ArchiveWriter = Callable[[Path, Files], Path]
ARCHIVE_WRITERS: dict[str, ArchiveWriter] = {
    "zip deflated": write_zip,
    "zip stored": lambda path, files: write_zip(path, files, zipfile.ZIP_STORED),
    "zip in zip": lambda path, files: write_zip(path, {"pub/inner.zip": zip_bytes(files), "__MACOSX/._a.zip": b"x"}),
    "zip in zip, stored": lambda path, files: write_zip(path, {"i.zip": zip_bytes(files)}, zipfile.ZIP_STORED),
    "tar": write_tar,
    "tar.gz": lambda path, files: write_tar(path, files, "w:gz"),
    "tar.bz2": lambda path, files: write_tar(path, files, "w:bz2"),
    "tar.xz": lambda path, files: write_tar(path, files, "w:xz"),
    "folder": write_folder,
}
EVERY_FORMAT = pytest.mark.parametrize("write_archive", ARCHIVE_WRITERS.values(), ids=ARCHIVE_WRITERS)


def contents(path: Path, limits: Limits = LIMITS) -> dict[str, bytes]:
    with open_archive(path, limits) as archive:
        return dict(archive.read([member.name for member in archive.members]))


def refusal(path: Path, *words: str, limits: Limits = LIMITS) -> str:
    """Return the error message of a refused archive, after checking that it contains the path and all `words`."""
    with pytest.raises(InputError) as caught:
        contents(path, limits)
    message = str(caught.value)
    assert caught.value.remedy
    for word in (str(path), *words):
        assert word in message, message
    return message
