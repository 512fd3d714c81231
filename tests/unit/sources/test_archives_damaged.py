import gzip
import os
import random
import re
import zipfile
from pathlib import Path

import pytest

from helpers.archive_formats import ARCHIVE_WRITERS, FILES, LIMITS, contents, refusal
from helpers.archives import (
    CENTRAL_CRC,
    CENTRAL_SIZE,
    flip_byte,
    patch_central,
    write_folder,
    write_tar,
    write_zip,
    zip_bytes,
)
from hemabalance.errors import InputError
from hemabalance.sources.archives import open_archive


def test_damaged_zip_in_a_zip_is_named(tmp_path: Path) -> None:
    refusal(write_zip(tmp_path / "a.zip", {"in.zip": zip_bytes(FILES)[:-30]}), "in.zip", "truncated or damaged")
    refusal(write_zip(tmp_path / "a.zip", {"in.zip": b"no archive"}), "in.zip", "truncated or damaged")


def test_missing_path(tmp_path: Path) -> None:
    refusal(tmp_path / "none.zip", "does not exist", "a zip, a tar or an unpacked folder was expected", "config")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    refusal(tmp_path / "a.zip", "empty file (0 bytes)", "Download it again")


def test_pipe_in_place_of_an_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    refusal(tmp_path / "a.zip", "neither a file nor a folder")


def test_not_an_archive(tmp_path: Path) -> None:
    page = tmp_path / "a.zip"
    for content in (b"<html>404</html>" * 99, b"x", bytes(4096)):
        page.write_bytes(content)
        refusal(page, "neither a zip nor a tar")
    page.write_bytes(gzip.compress(b"log line\n" * 999))
    refusal(page, "gzip file that holds no tar")


@pytest.mark.parametrize("kind", ["zip deflated", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_truncated(tmp_path: Path, kind: str) -> None:
    files = {f"{i}.jpg": random.Random(i).randbytes(3000) for i in range(4)}
    path = ARCHIVE_WRITERS[kind](tmp_path / "a", files)
    intact = path.read_bytes()
    shares = (0.3, 0.6) if kind == "tar" else (0.3, 0.6, 0.99)  # a tar ends in padding
    for share in shares:
        path.write_bytes(intact[: int(len(intact) * share)])
        refusal(path, "truncated or damaged")


def test_tar_cut_between_two_members(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.jpg": b"a" * 512, "b.jpg": b"b" * 512})
    path.write_bytes(path.read_bytes()[:1024])
    refusal(path, "truncated or damaged", "no end mark")


def test_tar_with_a_broken_header_between_members(tmp_path: Path) -> None:
    path = flip_byte(write_tar(tmp_path / "a.tar", {"a.jpg": b"a", "second.jpg": b"b"}), b"second.jpg")
    refusal(path, "truncated or damaged")


def test_checksum_failure_names_the_member(tmp_path: Path) -> None:
    path = flip_byte(write_zip(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED), FILES["set/BAS/b1.jpg"])
    refusal(path, "set/BAS/b1.jpg", "damaged", "CRC")
    with open_archive(path, LIMITS) as archive:
        assert dict(archive.read(["notes.txt"])) == {"notes.txt": b"read me"}


def test_checksum_failure_of_a_compressed_tar(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tgz", FILES, "w:gz")
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    refusal(path, "damaged", "CRC")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("declared", [10, 5000])
def test_zip_that_lies_about_a_size(tmp_path: Path, compression: int, declared: int) -> None:
    path = write_zip(tmp_path / "a.zip", {"good.jpg": b"1", "liar.jpg": b"some bytes " * 99}, compression)
    refusal(patch_central(path, "liar.jpg", CENTRAL_SIZE, declared), "liar.jpg")


def test_zip_whose_member_ends_early_with_a_fitting_checksum(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"liar.jpg": b"short"})
    patch_central(path, "liar.jpg", CENTRAL_SIZE, 900)
    refusal(path, "liar.jpg", "has 5 bytes, 900 were declared")


def test_zip_with_a_wrong_checksum_on_record(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    refusal(patch_central(path, "notes.txt", CENTRAL_CRC, 12345), "notes.txt", "CRC")


@pytest.mark.parametrize("content", [b"longer than before", b"x"])
def test_file_of_a_folder_that_changes_after_listing(tmp_path: Path, content: bytes) -> None:
    folder = write_folder(tmp_path / "d", {"a.jpg": b"as listed"})
    with open_archive(folder, LIMITS) as archive:
        (folder / "a.jpg").write_bytes(content)
        with pytest.raises(InputError, match=re.escape(f"{folder}: a.jpg") + ".*9 were declared"):
            list(archive.read(["a.jpg"]))
        (folder / "a.jpg").unlink()
        (folder / "a.jpg").symlink_to("/etc/hostname")
        with pytest.raises(InputError, match=re.escape(f"{folder}: a.jpg")):
            list(archive.read(["a.jpg"]))


@pytest.mark.parametrize("kind", ["zip deflated", "zip in zip", "tar", "tar.gz", "tar.xz"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_give_content_or_a_refusal(tmp_path: Path, kind: str) -> None:
    path = ARCHIVE_WRITERS[kind](tmp_path / "a", FILES)
    intact = path.read_bytes()
    rng = random.Random(7)
    messages = []
    for _ in range(120):
        data = bytearray(intact[: rng.randrange(1, len(intact))] if rng.random() < 0.3 else intact)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            contents(path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 30
    assert all(str(path) in message for message in messages)
