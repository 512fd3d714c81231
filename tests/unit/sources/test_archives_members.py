import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from helpers.archive_formats import ARCHIVE_WRITERS, FILES, refusal
from helpers.archives import (
    CENTRAL_FLAGS,
    patch_central,
    special_tar_member,
    tar_member,
    write_folder,
    write_tar,
    write_tar_members,
    write_zip,
    zip_info,
)

UNSAFE = {
    "../evil.jpg": "'..'",
    "a/../../evil.jpg": "'..'",
    "a\\..\\..\\evil.jpg": "'..'",
    "/etc/evil.jpg": "absolute path",
    "C:\\evil.jpg": "absolute path",
    "c:/evil.jpg": "absolute path",
    "\\\\host\\evil.jpg": "absolute path",
    "a/" * 33 + "evil.jpg": "32 levels",
    "a" * 1100: "1024 characters",
}


@pytest.mark.parametrize("kind", ["zip stored", "zip in zip", "tar", "tar.gz"])
@pytest.mark.parametrize(("name", "problem"), UNSAFE.items(), ids=[name[:20] for name in UNSAFE])
def test_unsafe_names(tmp_path: Path, kind: str, name: str, problem: str) -> None:
    path = ARCHIVE_WRITERS[kind](tmp_path / "a", {"good.jpg": b"1", name: b"2"})
    refusal(path, problem, name[:20])


def test_member_without_a_name(tmp_path: Path) -> None:
    refusal(write_tar(tmp_path / "a", {"./.": b"1"}), "./.", "no file name")


SPECIAL = {
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.FIFOTYPE: "device, pipe",
    tarfile.CHRTYPE: "device, pipe",
    tarfile.BLKTYPE: "device, pipe",
    b"Q": "unknown type",
    tarfile.GNUTYPE_SPARSE: "sparse file",
}


@pytest.mark.parametrize(("kind", "problem"), SPECIAL.items(), ids=[str(kind) for kind in SPECIAL])
def test_tar_members_that_are_no_files(tmp_path: Path, kind: bytes, problem: str) -> None:
    members = [tar_member("good.jpg", b"1"), special_tar_member("set/odd.jpg", kind, "good.jpg")]
    refusal(write_tar_members(tmp_path / "a.tar", members), "set/odd.jpg", problem)


@pytest.mark.parametrize(("mode", "problem"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "pipe")])
def test_zip_members_that_are_no_files(tmp_path: Path, mode: int, problem: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zip_info("set/odd.jpg", unix_mode=mode | 0o644), "/etc/passwd")
    refusal(path, "set/odd.jpg", problem)


def test_folder_entries_that_are_no_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "d", {"set/a.jpg": b"1"})
    odd = folder / "set" / "odd.jpg"
    for target in ("a.jpg", "..", "absent"):
        odd.symlink_to(target)
        refusal(folder, "set/odd.jpg", "symbolic link", "Replace it by the file itself")
        odd.unlink()
    os.mkfifo(odd)
    refusal(folder, "set/odd.jpg", "pipe")


def test_encrypted_member(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    refusal(patch_central(path, "set/BAS/b1.jpg", CENTRAL_FLAGS, 1), "set/BAS/b1.jpg", "encrypted", "password")


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    plain = write_zip(tmp_path / "a.zip", {"set/grXsse.jpg": b"1"})
    plain.write_bytes(plain.read_bytes().replace(b"grXsse", b"gr\x94sse"))
    refusal(plain, "sse.jpg", "not UTF-8")
    flagged = write_zip(tmp_path / "b.zip", {"set/größe.jpg": b"1"})
    flagged.write_bytes(flagged.read_bytes().replace("ö".encode(), b"\xff\xfe"))
    refusal(flagged, "truncated or damaged")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("set/größe.jpg"))
    refusal(tmp_path / "a.tar", "set/gr\\udcf6", "not UTF-8")
    folder = write_folder(tmp_path / "d", {"good.jpg": b"1"})
    (folder / os.fsdecode(b"gr\xf6sse.jpg")).write_bytes(b"1")
    refusal(folder, "gr\\udcf6sse.jpg", "not UTF-8")


@pytest.mark.parametrize("other", ["set/a.jpg", "./set/a.jpg", "set//a.jpg", "set\\a.jpg"])
def test_two_members_of_one_name(tmp_path: Path, other: str) -> None:
    tar = write_tar_members(tmp_path / "a.tar", [tar_member("set/a.jpg", b"1"), tar_member(other, b"2")])
    refusal(tar, "set/a.jpg", "twice")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zip_info("set/a.jpg"), "1")
        if other == "set/a.jpg":
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr(zip_info(other), "2")
        else:
            archive.writestr(zip_info(other), "2")
    refusal(tmp_path / "a.zip", "set/a.jpg", "twice")


def test_message_shows_control_characters_escaped(tmp_path: Path) -> None:
    assert "\n" not in refusal(write_tar(tmp_path / "a.tar", {"/a\nb\x1b[31m.jpg": b""}), "/a\\nb\\x1b[31m.jpg")
