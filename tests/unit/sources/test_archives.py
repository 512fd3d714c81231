import random
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.archive_formats import ARCHIVE_WRITERS, EVERY_FORMAT, FILES, LIMITS, ArchiveWriter, contents
from helpers.archives import Files, special_tar_member, write_tar_members, write_zip, zip_bytes
from hemabalance.sources.archives import Member, open_archive


@EVERY_FORMAT
def test_lists_and_reads_every_format_whatever_its_file_name(tmp_path: Path, write_archive: ArchiveWriter) -> None:
    path = write_archive(tmp_path / "archive.pdf", FILES)
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
    names = ["notes.txt", "set/BAS/b1.jpg", "set/BAS/b2.jpg"]
    with open_archive(ARCHIVE_WRITERS[kind](tmp_path / "a", FILES), LIMITS) as archive:
        order = [name for name, _ in archive.read(names)]
    assert order == (["set/BAS/b2.jpg", "set/BAS/b1.jpg", "notes.txt"] if in_archive_order else names)


@EVERY_FORMAT
def test_several_threads_read_at_once(tmp_path: Path, write_archive: ArchiveWriter) -> None:
    files = {f"c/{i}.jpg": random.Random(i).randbytes(4000) for i in range(12)}
    with open_archive(write_archive(tmp_path / "a", files), LIMITS) as archive, ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda name: next(iter(archive.read([name]))), sorted(files))
        assert dict(read) == files


def test_names_are_normalised(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"./a//b.jpg": b"1", "w\\x\\c.jpg": b"2", "empty/": b"", "./": b""})
    with open_archive(path, LIMITS) as archive:
        assert [member.name for member in archive.members] == ["a/b.jpg", "w/x/c.jpg"]
        assert archive.folders == ("a", "empty", "w", "w/x")


def test_empty_folders_are_listed(tmp_path: Path) -> None:
    (tmp_path / "d" / "KSC").mkdir(parents=True)
    tar = write_tar_members(tmp_path / "t", [special_tar_member("KSC", tarfile.DIRTYPE)])
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
def test_inner_zip_is_opened_only_if_it_is_the_only_content(tmp_path: Path, files: Files) -> None:
    assert contents(write_zip(tmp_path / "a.zip", files)) == files


def test_only_one_inner_zip_is_opened(tmp_path: Path) -> None:
    innermost = zip_bytes(FILES)
    path = write_zip(tmp_path / "a.zip", {"b.zip": zip_bytes({"c.zip": innermost})})
    assert contents(path) == {"c.zip": innermost}


def test_errors_of_the_caller_pass_through(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    with pytest.raises(OSError, match="of the caller"), open_archive(path, LIMITS):
        raise OSError("of the caller")
