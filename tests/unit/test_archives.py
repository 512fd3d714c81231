import gzip
import os
import random
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from archive_makers import (
    CENTRAL_CRC,
    CENTRAL_FLAGS,
    CENTRAL_SIZE,
    Files,
    entry,
    file_entry,
    flip_byte,
    patch_central,
    special_entry,
    write_folder,
    write_tar,
    write_tar_entries,
    write_zip,
    zip_bytes,
)

from hemabalance.errors import InputError
from hemabalance.sources.archives import Limits, Member, open_archive

LIMITS = Limits(max_members=50, max_member_bytes=4 << 20, max_total_bytes=8 << 20, max_ratio=200.0)
FILES = {
    "set/BAS/b2.jpg": b"second of class BAS " * 9,
    "set/BAS/b1.jpg": b"first of class BAS",
    "set/ig/größe.tiff": bytes(range(256)) * 3,
    "set/ig/.DS_Store": b"",
    "notes.txt": b"read me",
}
Maker = Callable[[Path, Files], Path]
MAKERS: dict[str, Maker] = {
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
EVERY_FORMAT = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def contents(path: Path, limits: Limits = LIMITS) -> dict[str, bytes]:
    with open_archive(path, limits) as archive:
        return dict(archive.read([member.name for member in archive.members]))


def refusal(path: Path, *words: str, limits: Limits = LIMITS) -> str:
    """The message with which the archive is refused; it names the archive, and every one of `words`."""
    with pytest.raises(InputError) as caught:
        contents(path, limits)
    message = str(caught.value)
    assert caught.value.remedy
    for word in (str(path), *words):
        assert word in message, message
    return message


@EVERY_FORMAT
def test_lists_and_reads_every_format_whatever_its_file_name(tmp_path: Path, make: Maker) -> None:
    path = make(tmp_path / "archive.pdf", FILES)
    with open_archive(path, LIMITS) as archive:
        assert archive.path == path
        assert archive.members == tuple(Member(name, len(FILES[name])) for name in sorted(FILES))
        assert archive.folders == ("set", "set/BAS", "set/ig")
        assert dict(archive.read(list(FILES))) == FILES
        assert list(archive.read(["notes.txt"])) == [("notes.txt", b"read me")]
        with pytest.raises(KeyError):
            list(archive.read(["set/absent.jpg"]))


@pytest.mark.parametrize(("kind", "in_archive_order"), [("zip stored", False), ("folder", False), ("tar.gz", True)])
def test_order_of_reading(tmp_path: Path, kind: str, in_archive_order: bool) -> None:
    asked = ["notes.txt", "set/BAS/b1.jpg", "set/BAS/b2.jpg"]
    with open_archive(MAKERS[kind](tmp_path / "a", FILES), LIMITS) as archive:
        order = [name for name, _ in archive.read(asked)]
    assert order == (["set/BAS/b2.jpg", "set/BAS/b1.jpg", "notes.txt"] if in_archive_order else asked)


@EVERY_FORMAT
def test_several_threads_read_at_once(tmp_path: Path, make: Maker) -> None:
    files = {f"c/{i}.jpg": random.Random(i).randbytes(4000) for i in range(12)}
    with open_archive(make(tmp_path / "a", files), LIMITS) as archive, ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda name: next(iter(archive.read([name]))), sorted(files))
        assert dict(read) == files


def test_names_are_brought_to_normal_form(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"./a//b.jpg": b"1", "w\\x\\c.jpg": b"2", "empty/": b"", "./": b""})
    with open_archive(path, LIMITS) as archive:
        assert [member.name for member in archive.members] == ["a/b.jpg", "w/x/c.jpg"]
        assert archive.folders == ("a", "empty", "w", "w/x")


def test_empty_folders_are_listed(tmp_path: Path) -> None:
    (tmp_path / "d" / "KSC").mkdir(parents=True)
    tar = write_tar_entries(tmp_path / "t", [special_entry("KSC", tarfile.DIRTYPE)])
    for path in (tmp_path / "d", tar):
        with open_archive(path, LIMITS) as archive:
            assert (archive.members, archive.folders) == ((), ("KSC",))


@pytest.mark.parametrize(
    "files",
    [
        {"a.zip": zip_bytes(FILES), "b.zip": zip_bytes(FILES)},
        {"a.zip": zip_bytes(FILES), "b/c.JPG": b"image"},
    ],
    ids=["two zips", "an image beside it"],
)
def test_zip_is_entered_only_where_it_is_all_there_is(tmp_path: Path, files: Files) -> None:
    assert contents(write_zip(tmp_path / "a.zip", files)) == files


def test_zip_in_zip_is_entered_once(tmp_path: Path) -> None:
    innermost = zip_bytes(FILES)
    path = write_zip(tmp_path / "a.zip", {"b.zip": zip_bytes({"c.zip": innermost})})
    assert contents(path) == {"c.zip": innermost}


def test_limits_hold_for_the_zip_in_a_zip(tmp_path: Path) -> None:
    noise = {f"{i}.jpg": random.Random(i).randbytes(1000) for i in range(5)}
    path = write_zip(tmp_path / "a.zip", {"in.zip": zip_bytes(noise)})
    assert contents(path, replace(LIMITS, max_member_bytes=1000)) == noise
    refusal(path, "in.zip: 0.jpg", "max_member_bytes", limits=replace(LIMITS, max_member_bytes=999))
    refusal(path, "in.zip", "max_total_bytes", limits=replace(LIMITS, max_total_bytes=5000))


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
    path = MAKERS[kind](tmp_path / "a", files)
    whole = path.read_bytes()
    shares = (0.3, 0.6) if kind == "tar" else (0.3, 0.6, 0.99)  # a tar ends in padding
    for share in shares:
        path.write_bytes(whole[: int(len(whole) * share)])
        refusal(path, "truncated or damaged")


def test_tar_cut_between_two_members(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.jpg": b"a" * 512, "b.jpg": b"b" * 512})
    path.write_bytes(path.read_bytes()[:1024])
    refusal(path, "truncated or damaged", "no end mark")


def test_tar_with_a_broken_header_between_members(tmp_path: Path) -> None:
    path = flip_byte(write_tar(tmp_path / "a.tar", {"a.jpg": b"a", "second.jpg": b"b"}), b"second.jpg")
    refusal(path, "truncated or damaged")


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
    path = MAKERS[kind](tmp_path / "a", {"good.jpg": b"1", name: b"2"})
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
    members = [file_entry("good.jpg", b"1"), special_entry("set/odd.jpg", kind, "good.jpg")]
    refusal(write_tar_entries(tmp_path / "a.tar", members), "set/odd.jpg", problem)


@pytest.mark.parametrize(("mode", "problem"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "pipe")])
def test_zip_members_that_are_no_files(tmp_path: Path, mode: int, problem: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry("set/odd.jpg", unix_mode=mode | 0o644), "/etc/passwd")
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


def test_compression_whose_output_cannot_be_bounded(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.jpg": b"1" * 100}, zipfile.ZIP_BZIP2)
    refusal(path, "a.jpg", "method 12", "neither stored nor deflated")


@EVERY_FORMAT
def test_limits_of_count_and_size(tmp_path: Path, make: Maker) -> None:
    noise = {f"{i}.jpg": random.Random(i).randbytes(5000) for i in range(6)}
    path = make(tmp_path / "a", noise)
    # A zip in a zip is itself a member of the total.
    exact = Limits(max_members=6, max_member_bytes=5000, max_total_bytes=36_000, max_ratio=200.0)
    assert contents(path, exact) == noise
    refusal(path, ".jpg", "5 files allowed", "limits.max_members", limits=replace(exact, max_members=5))
    refusal(path, ".jpg", "5000 bytes, 4999 are allowed", limits=replace(exact, max_member_bytes=4999))
    refusal(path, "over 29999 bytes", "limits.max_total_bytes", limits=replace(exact, max_total_bytes=29_999))


def test_too_many_folders(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{i}/": b"" for i in range(6)})
    refusal(path, "5/", "5 folders allowed", limits=replace(LIMITS, max_members=5))


def test_expansion_of_a_zip_member(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"good.jpg": b"1", "bomb.jpg": bytes(1 << 20)})
    refusal(path, "bomb.jpg", "to 1048576, over 200 times", "limits.max_ratio")
    assert len(contents(path, replace(LIMITS, max_ratio=2000.0))["bomb.jpg"]) == 1 << 20


def test_expansion_of_a_compressed_tar(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tgz", {"bomb.jpg": bytes(3 << 20)}, "w:gz")
    refusal(path, "limits.max_ratio")
    assert len(contents(path, replace(LIMITS, max_ratio=2000.0))["bomb.jpg"]) == 3 << 20


def test_compressed_tar_is_not_expanded_beyond_its_limits(tmp_path: Path) -> None:
    # The streams stop short: whoever expands them to the end meets that before the limit.
    path = tmp_path / "a.tgz"
    declared, _ = file_entry("bomb.jpg", b"")
    declared.size = 1 << 40
    path.write_bytes(gzip.compress(declared.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))[:-100])
    loose = replace(LIMITS, max_member_bytes=1 << 50, max_ratio=1e9)
    refusal(path, "bomb.jpg", "limits.max_total_bytes", limits=loose)
    after_end = tarfile.TarInfo("a.jpg").tobuf() + bytes(1024) + bytes(8 << 20)
    path.write_bytes(gzip.compress(after_end)[:-100])
    refusal(path, "limits.max_ratio")
    refusal(path, "limits.max_total_bytes", limits=replace(LIMITS, max_total_bytes=1 << 20, max_ratio=1e9))


def test_tar_headers_of_hostile_size(tmp_path: Path) -> None:
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, 3 << 20
    path = tmp_path / "a.tar"
    path.write_bytes(extended.tobuf() + bytes(4 << 20))
    refusal(path, "truncated or damaged", f"a header of {3 << 20} bytes")
    negative = tarfile.TarInfo("back.jpg")
    negative.size = -1024
    path.write_bytes(negative.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    refusal(path, "back.jpg", "a size of -1024 bytes")


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
    tar = write_tar_entries(tmp_path / "a.tar", [file_entry("set/a.jpg", b"1"), file_entry(other, b"2")])
    refusal(tar, "set/a.jpg", "twice")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry("set/a.jpg"), "1")
        if other == "set/a.jpg":
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr(entry(other), "2")
        else:
            archive.writestr(entry(other), "2")
    refusal(tmp_path / "a.zip", "set/a.jpg", "twice")


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
    refusal(path, "liar.jpg", "holds 5 bytes, 900 were declared")


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


def test_message_shows_control_characters_escaped(tmp_path: Path) -> None:
    assert "\n" not in refusal(write_tar(tmp_path / "a.tar", {"/a\nb\x1b[31m.jpg": b""}), "/a\\nb\\x1b[31m.jpg")


def test_errors_of_the_caller_pass_through(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    with pytest.raises(OSError, match="of the caller"), open_archive(path, LIMITS):
        raise OSError("of the caller")


@pytest.mark.parametrize("kind", ["zip deflated", "zip in zip", "tar", "tar.gz", "tar.xz"])
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_give_content_or_a_refusal(tmp_path: Path, kind: str) -> None:
    path = MAKERS[kind](tmp_path / "a", FILES)
    whole = path.read_bytes()
    rng = random.Random(7)
    messages = []
    for _ in range(120):
        data = bytearray(whole[: rng.randrange(1, len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            contents(path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 30
    assert all(str(path) in message for message in messages)
