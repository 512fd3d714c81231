"""Files that are left out: junk of operating systems, and what warnings and errors say about many files."""

from pathlib import Path

import numpy as np
import pytest

from helpers.archives import write_folder, write_zip
from helpers.image_files import encode
from helpers.photographs import inventory, mendeley_files, photograph
from hemabalance.errors import InputError
from hemabalance.sources.junk import is_hidden, junk_of
from hemabalance.sources.left_out import MAX_NAMED
from hemabalance.sources.phantom.archive import jpeg

GOOD = mendeley_files()
APPLE_DOUBLE = bytes.fromhex("00051607000200004d6163204f532058") + bytes(80)

JUNK = {
    "__MACOSX/PBC/ig/._MY_100.jpg": ("in __MACOSX, a folder of the operating system", APPLE_DOUBLE),
    "__MACOSX/PBC/._ig": ("in __MACOSX, a folder of the operating system", APPLE_DOUBLE),
    "PBC/ig/._MY_100.jpg": ("a resource fork of macOS", APPLE_DOUBLE),
    "PBC/ig/.DS_Store": ("a file of the operating system", b""),
    "PBC/ig/Thumbs.db": ("a file of the operating system", b"\xd0\xcf\x11\xe0"),
    "PBC/platelet/THUMBS.DB": ("a file of the operating system", b"\xd0\xcf\x11\xe0"),
    "PBC/Desktop.ini": ("a file of the operating system", b"[.ShellClassInfo]"),
    "PBC/ig/Icon\r": ("a file of the operating system", b""),
    "PBC/.gitignore": ("a hidden file", b"*.tmp"),
    "PBC/ig/@eaDir/MY_100.jpg/SYNOPHOTO_THUMB_M.jpg": (
        "in @eaDir, a folder of the operating system",
        jpeg(photograph(1)),
    ),
}


@pytest.mark.parametrize("name", ["x/1.jpg", "thumbs/1.jpg", "x/my Thumbs.db.jpg", "notes.txt", ".set/x/1.jpg"])
def test_names_of_people_are_no_junk(name: str) -> None:
    assert junk_of(name) is None


def test_hidden_names() -> None:
    assert all(is_hidden(name) for name in (".a.jpg", "x/.y/a.jpg", "__MACOSX/a.jpg", "x/@eaDir/a.jpg"))
    assert not is_hidden("x/a.b.jpg")


def test_junk_is_named_as_junk_and_summed_up_in_one_warning(tmp_path: Path) -> None:
    files = GOOD | {name: data for name, (_, data) in JUNK.items()}
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files))
    rows = table.set_index("member").loc[list(JUNK)]
    assert rows["reason"].tolist() == [reason for reason, _ in JUNK.values()]
    assert set(rows["content"]) == {"not_an_image"}
    assert receipt["counts"] == {"basophil": 2, "ig": 2, "platelet": 2}
    assert receipt["warnings"] == [
        "10 junk files left out (a file of the operating system (5); "
        "in __MACOSX, a folder of the operating system (2); a hidden file (1); other reasons (2)), "
        "the first PBC/.gitignore"
    ]


def test_a_hidden_photograph_and_one_named_like_junk_are_read(tmp_path: Path) -> None:
    files = GOOD | {"PBC/ig/.DS_169665.jpg": jpeg(photograph(5)), "PBC/ig/._x.jpg": jpeg(photograph(6))}
    table, receipt = inventory(write_zip(tmp_path / "a.zip", files))
    assert (table["content"] == "image").all()
    assert receipt["warnings"] == []


def test_a_truncated_hidden_photograph_keeps_its_reason(tmp_path: Path) -> None:
    files = GOOD | {"PBC/ig/.MY_9.jpg": jpeg(photograph(5))[:-300]}
    table, _ = inventory(write_zip(tmp_path / "a.zip", files))
    row = table.set_index("member").loc["PBC/ig/.MY_9.jpg"]
    assert row["content"] == "unreadable"
    assert "truncated" in row["reason"]


def test_a_folder_without_images_is_no_unknown_class(tmp_path: Path) -> None:
    files = GOOD | {"PBC/papers/a.txt": b"text", "__MACOSX/._PBC": APPLE_DOUBLE}
    _, receipt = inventory(write_zip(tmp_path / "a.zip", files))
    assert not [warning for warning in receipt["warnings"] if "is no class" in warning]


# --- sums of many files


def test_many_bad_files_are_named_up_to_a_number_and_then_counted_with_their_reasons(tmp_path: Path) -> None:
    bad = {f"PBC/ig/MY_{n}.jpg": b"" for n in range(500, 501 + MAX_NAMED)}
    bad |= {"PBC/ig/a.txt": b"text", "PBC/ig/b.txt": b"text", "PBC/ig/c.gif": b"GIF89a"}
    _, receipt = inventory(write_zip(tmp_path / "a.zip", GOOD | dict(reversed(bad.items()))))
    assert len(receipt["warnings"]) == MAX_NAMED + 2
    assert receipt["warnings"][0].startswith("PBC/ig/MY_500.jpg left out: empty file")
    assert receipt["warnings"][-2].startswith(
        "4 more files left out (not a JPEG, PNG, TIFF, BMP or WebP file (2); "
        "empty file (1); a GIF file, not a JPEG, PNG, TIFF, BMP or WebP file (1))"
    )
    assert receipt["warnings"][-1] == "to read 1 of the files left out: Convert it to PNG or TIFF"


def small(seed: int) -> bytes:
    return encode(photograph(seed, 28), "PNG")


def test_small_images_among_others_are_left_out_with_the_setting_that_reads_them(tmp_path: Path) -> None:
    files = GOOD | {f"PBC/ig/small_{n}.png": small(n) for n in range(3)}
    _, receipt = inventory(write_zip(tmp_path / "a.zip", files))
    assert receipt["warnings"][0] == "PBC/ig/small_0.png left out: 28x28 pixels, the shorter side is under 32"
    assert receipt["warnings"][3] == (
        "to read 3 of the files left out: If images this small are wanted, set pixels: {min_side: 16} in the config"
    )


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        inventory(path)
    message = str(caught.value)
    start = f"{path}, folder PBC/ig: this class folder contains no readable image"
    assert message.startswith(start)
    assert message.endswith(", or remove the folder to run without this class.")
    return message.removeprefix(start)


REST = {
    "empty": ({"PBC/ig/": b""}, ". Put its images there"),
    "only junk": (
        {"PBC/ig/Thumbs.db": b"x", "__MACOSX/PBC/ig/._a.jpg": APPLE_DOUBLE},
        ": 2 files, a file of the operating system (1); in __MACOSX, a folder of the operating system (1); "
        "the first is PBC/ig/Thumbs.db. Put its images there",
    ),
    "an empty file": (
        {"PBC/ig/MY_1.jpg": b"", "PBC/ig/Thumbs.db": b"x"},
        ": 1 files, empty file (1); the first is PBC/ig/MY_1.jpg. Fetch the file again",
    ),
    "a note": (
        {"PBC/ig/notes.txt": b"none yet"},
        ": 1 files, not a JPEG, PNG, TIFF, BMP or WebP file (1); the first is PBC/ig/notes.txt. Put its images there",
    ),
    "GIFs": (
        {f"PBC/ig/{n}.gif": b"GIF89a" for n in range(3)},
        ": 3 files, a GIF file, not a JPEG, PNG, TIFF, BMP or WebP file (3); the first is PBC/ig/0.gif. "
        "Convert it to PNG or TIFF",
    ),
    "small images": (
        {f"PBC/ig/{n}.png": small(n) for n in range(30)},
        ": 30 files, 28x28 pixels, the shorter side is under 32 (30); the first is PBC/ig/0.png. "
        "If images this small are wanted, set pixels: {min_side: 16} in the config",
    ),
    "two reasons": (
        {"PBC/ig/a.png": small(1), "PBC/ig/b.png": small(2), "PBC/ig/c.png": b""},
        ": 3 files, 28x28 pixels, the shorter side is under 32 (2); empty file (1); the first is PBC/ig/a.png. "
        "If images this small are wanted, set pixels: {min_side: 16} in the config. Fetch the file again",
    ),
}


@pytest.mark.parametrize(("rest", "says"), REST.values(), ids=REST)
def test_a_class_without_an_image_is_refused_with_its_reasons(
    tmp_path: Path, rest: dict[str, bytes], says: str
) -> None:
    assert refusal(write_zip(tmp_path / "a.zip", mendeley_files(["basophil"]) | rest)).startswith(says)


def test_a_class_folder_of_the_operating_system_alone_is_none(tmp_path: Path) -> None:
    files = mendeley_files(["basophil"]) | {"__MACOSX/PBC/ig/._MY_1.jpg": APPLE_DOUBLE}
    inventory(write_zip(tmp_path / "a.zip", files))


@pytest.mark.parametrize("file_format", ["BMP", "WEBP"])
def test_a_folder_of_bmp_or_webp_is_read(tmp_path: Path, file_format: str) -> None:
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    files = {f"PBC/ig/MY_{n}.{file_format.lower()}": encode(photograph(n), file_format, **lossless) for n in range(4)}
    table, receipt = inventory(write_folder(tmp_path / "cells", files))
    assert table["content"].tolist() == ["image"] * 4
    assert receipt["counts"] == {"ig": 4}
    assert receipt["warnings"] == []
    expected, _ = inventory(
        write_zip(tmp_path / "a.zip", {name: encode(photograph(n), "PNG") for n, name in enumerate(files)})
    )
    assert table["thumb"].equals(expected["thumb"])
    assert np.array_equal(table["phash"], expected["phash"])
