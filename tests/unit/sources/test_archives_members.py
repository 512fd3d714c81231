import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from helpers.archive_formats import ARCHIVE_WRITERS, FILES, LIMITS, contents, refusal
from helpers.archives import (
    CENTRAL_FLAGS,
    patch_central,
    special_tar_member,
    tar_member,
    without_utf8_flag,
    write_folder,
    write_tar,
    write_tar_members,
    write_zip,
    zip_bytes,
    zip_info,
)
from hemabalance.sources.archives import open_archive

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


@pytest.mark.parametrize("nested", [False, True])
def test_utf8_names_of_a_zip_without_their_flag(tmp_path: Path, nested: bool) -> None:
    files = {"größe/Кровь/细胞.jpg": b"1", "größe/": b"", "plain/é.jpg": b"2", "__MACOSX/größe/._x.jpg": b"3"}
    path = without_utf8_flag(write_zip(tmp_path / "a.zip", files))
    with zipfile.ZipFile(path) as archive:
        assert "größe/" not in archive.namelist()
    if nested:
        path = write_zip(tmp_path / "outer.zip", {"in.zip": path.read_bytes(), "__MACOSX/._in.zip": b"x"})
    with open_archive(path, LIMITS) as archive:
        assert archive.folders == ("__MACOSX", "__MACOSX/größe", "größe", "größe/Кровь", "plain")
    expected = {name: data for name, data in files.items() if not name.endswith("/")}
    assert contents(path) == expected


@pytest.mark.parametrize(
    ("name", "problem"), [("../größe.jpg", "'..'"), ("/größe.jpg", "absolute path"), ("C:\\größe.jpg", "absolute path")]
)
def test_unsafe_utf8_names_without_their_flag(tmp_path: Path, name: str, problem: str) -> None:
    refusal(without_utf8_flag(write_zip(tmp_path / "a.zip", {name: b"1"})), "größe.jpg", problem)


@pytest.mark.parametrize("raw", [b"set/gr\x94sse.jpg", "set/gr\N{LATIN SMALL LETTER O WITH DIAERESIS}sse.jpg".encode()])
def test_a_name_in_another_code_beside_its_utf8_name(tmp_path: Path, raw: bytes) -> None:
    """Info-ZIP and WinRAR write the UTF-8 name into an extra field, with a checksum of the name it belongs to."""
    info = zip_info("set/" + "X" * (len(raw) - 4))
    other = struct.pack("<HHI", 0x000A, 4, 0)
    name = "set/größe.jpg".encode()
    info.extra = other + struct.pack("<HHBI", 0x7075, 5 + len(name), 1, zlib.crc32(raw)) + name
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"1")
    path.write_bytes(path.read_bytes().replace(info.filename.encode(), raw))
    assert contents(path) == {"set/größe.jpg": b"1"}
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", zlib.crc32(raw)), b"1234"))
    if raw.startswith(b"set/gr\x94"):
        refusal(path, "sse.jpg", "not UTF-8")
    else:
        assert list(contents(path)) == [raw.decode()]


def test_two_members_of_one_name_of_which_one_lacks_its_flag(tmp_path: Path) -> None:
    path = without_utf8_flag(write_zip(tmp_path / "a.zip", {"é.jpg": b"1", "./é.jpg": b"2"}))
    refusal(path, "é.jpg", "twice")


def test_junk_does_not_keep_a_wrapped_zip_closed(tmp_path: Path) -> None:
    inner = zip_bytes({"set/a.jpg": b"1"})
    junk = {"__MACOSX/._cells.zip": b"x", "__MACOSX/._x.jpg": b"x", "._y.png": b"x", "Thumbs.db": b"x"}
    assert contents(write_zip(tmp_path / "a.zip", {"cells.zip": inner} | junk)) == {"set/a.jpg": b"1"}


def test_a_zip_that_is_junk_under_its_normalised_name_is_not_opened(tmp_path: Path) -> None:
    assert contents(write_zip(tmp_path / "a.zip", {"__MACOSX\\x.zip": b"1"})) == {"__MACOSX/x.zip": b"1"}


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
