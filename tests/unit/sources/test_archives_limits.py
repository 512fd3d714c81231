import gzip
import random
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

from helpers.archive_formats import EVERY_FORMAT, LIMITS, ArchiveWriter, contents, refusal
from helpers.archives import tar_member, write_tar, write_zip, zip_bytes
from hemabalance.sources.archives import Limits


def test_limits_hold_for_the_zip_in_a_zip(tmp_path: Path) -> None:
    noise = {f"{i}.jpg": random.Random(i).randbytes(1000) for i in range(5)}
    path = write_zip(tmp_path / "a.zip", {"in.zip": zip_bytes(noise)})
    assert contents(path, replace(LIMITS, max_member_bytes=1000)) == noise
    refusal(path, "in.zip: 0.jpg", "max_member_bytes", limits=replace(LIMITS, max_member_bytes=999))
    refusal(path, "in.zip", "max_total_bytes", limits=replace(LIMITS, max_total_bytes=5000))


def test_compression_whose_output_cannot_be_bounded(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.jpg": b"1" * 100}, zipfile.ZIP_BZIP2)
    refusal(path, "a.jpg", "method 12", "neither stored nor deflated")


@EVERY_FORMAT
def test_limits_of_count_and_size(tmp_path: Path, write_archive: ArchiveWriter) -> None:
    noise = {f"{i}.jpg": random.Random(i).randbytes(5000) for i in range(6)}
    path = write_archive(tmp_path / "a", noise)
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
    declared, _ = tar_member("bomb.jpg", b"")
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
    path.write_bytes(tarfile.TarInfo("first.jpg").tobuf() + path.read_bytes())
    refusal(path, "back.jpg", "a size of -1024 bytes")
