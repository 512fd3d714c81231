"""Ids of images and other files of an archive, and that neither junk nor twin names refuse it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.archives import Files, write_folder, write_tar, write_zip
from helpers.photographs import LIMITS, inventory, manifest_of, mendeley_files, photograph
from hemabalance.sources.acquire import archive_digest
from hemabalance.sources.identity import content_digest, image_ids, is_image
from hemabalance.sources.phantom.archive import jpeg

JPEG = jpeg(photograph(1))
THUMBS_DB = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100)
ARCHIVE_WRITERS = {"zip": write_zip, "tar": write_tar, "folder": write_folder}

ALIKE = {
    "two folders": (["train/x/1.png", "test/x/1.png", "test/x/2.png"], ["train/x/1.png", "test/x/1.png", "x/2.png"]),
    "at two depths": (["x/1.png", "a/x/1.png"], ["x/1.png", "a/x/1.png"]),
    "below itself": (["x/1.png", "x/x/1.png"], ["x/1.png", "x/x/1.png"]),
    "a fourth part": (
        ["a/t/x/1.png", "b/t/x/1.png", "b/s/x/1.png"],
        ["a/t/x/1.png", "b/t/x/1.png", "b/s/x/1.png"],
    ),
    "two pairs": (
        ["a/x/1.png", "b/x/1.png", "a/p/y/1.png", "b/q/y/1.png"],
        ["a/x/1.png", "b/x/1.png", "p/y/1.png", "q/y/1.png"],
    ),
    "none": (["train/x/1.png", "test/y/1.png"], ["x/1.png", "y/1.png"]),
}


@pytest.mark.parametrize("root", ["", "data/", "my/copy of/data/"])
@pytest.mark.parametrize(("members", "expected"), ALIKE.values(), ids=ALIKE)
def test_images_alike_are_told_apart_by_leading_parts(members: list[str], expected: list[str], root: str) -> None:
    paths = [root + member for member in members]
    ids = image_ids("lab", paths)
    assert [ids[path] for path in paths] == [f"lab/{name}" for name in expected]
    random.Random(3).shuffle(paths)
    assert image_ids("lab", paths) == ids


def test_ids_are_unique_for_any_paths() -> None:
    rng = random.Random(1)
    for _ in range(300):
        members = {"/".join(rng.choices("xy", k=rng.randint(1, 5))) for _ in range(12)}
        images = sorted(rng.sample(sorted(members), len(members) // 2))
        others = sorted(members - set(images))
        ids = image_ids("lab", images, others)
        assert set(ids) == members
        assert len(set(ids.values())) == len(members)
        assert {member: ids[member] for member in images} == image_ids("lab", images)


def test_ids_of_other_files_give_way() -> None:
    ids = image_ids("lab", ["a/x/1.png"], ["b/x/1.png", "x/1.png", "p/x/Thumbs.db", "q/x/Thumbs.db", "notes.txt"])
    assert ids == {
        "a/x/1.png": "lab/x/1.png",
        "b/x/1.png": "lab/b/x/1.png",
        "x/1.png": "lab/./x/1.png",
        "p/x/Thumbs.db": "lab/p/x/Thumbs.db",
        "q/x/Thumbs.db": "lab/q/x/Thumbs.db",
        "notes.txt": "lab/notes.txt",
    }


def test_an_image_is_one_by_content_outside_system_folders() -> None:
    assert is_image("x/.hidden", JPEG)
    assert not is_image("x/1.jpg", b"text")
    assert not is_image("x/1.jpg", b"")
    assert not is_image("__MACOSX/x/1.jpg", JPEG)
    assert not is_image("x/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", JPEG)


@pytest.mark.parametrize("write_archive", ARCHIVE_WRITERS.values(), ids=ARCHIVE_WRITERS)
def test_two_junk_files_of_one_name_do_not_refuse_the_archive(
    tmp_path: Path, write_archive: Callable[[Path, Files], Path]
) -> None:
    files = {f"{part}/ig/MY_{n}.jpg": jpeg(photograph(n)) for n, part in enumerate(("train", "test"))}
    junk = {f"{part}/ig/{name}": THUMBS_DB for part in ("train", "test") for name in ("Thumbs.db", "notes.txt")}
    table, _ = inventory(write_archive(tmp_path / "a", files | junk))
    table = table.set_index("member")
    assert table.loc[list(files), "image_id"].tolist() == ["mendeley/ig/MY_0.jpg", "mendeley/ig/MY_1.jpg"]
    assert table.loc[list(junk), "image_id"].tolist() == [f"mendeley/{name}" for name in junk]
    assert set(table.loc[list(junk), "content"]) == {"not_an_image"}


@pytest.mark.parametrize("write_archive", ARCHIVE_WRITERS.values(), ids=ARCHIVE_WRITERS)
@pytest.mark.parametrize("root", ["", "set/"])
def test_two_images_of_one_name_are_both_kept(
    tmp_path: Path, write_archive: Callable[[Path, Files], Path], root: str
) -> None:
    files = {f"{root}{part}/ig/MY_1.jpg": jpeg(photograph(n)) for n, part in enumerate(("train", "test"))}
    files |= mendeley_files(root=f"{root}train")
    path = write_archive(tmp_path / "a", dict(reversed(files.items())))
    table, receipt = inventory(path)
    manifest = manifest_of(table)
    twins = ["mendeley/test/ig/MY_1.jpg", "mendeley/train/ig/MY_1.jpg"]
    assert manifest.loc[twins, "status"].tolist() == ["kept", "kept"]
    assert manifest.loc[twins, "label"].tolist() == ["immature_granulocyte"] * 2
    assert manifest.loc["mendeley/ig/MY_100.jpg", "status"] == "kept"
    assert receipt["content_sha256"] == archive_digest("mendeley", path, LIMITS)


def test_junk_changes_neither_ids_nor_the_digest(tmp_path: Path) -> None:
    files = mendeley_files()
    junk = {f"__MACOSX/{name}": JPEG for name in files} | {"other/ig/MY_100.jpg": b"text"}
    clean, receipt = inventory(write_zip(tmp_path / "a.zip", files))
    table, with_junk = inventory(write_zip(tmp_path / "b.zip", files | junk))
    images = table[table["content"] == "image"].reset_index(drop=True)
    assert images.equals(clean)
    assert with_junk["content_sha256"] == receipt["content_sha256"]
    assert with_junk["counts"] == receipt["counts"]


def test_digest_tells_which_of_two_images_of_one_name_is_which() -> None:
    ids = image_ids("lab", ["train/x/1.png", "test/x/1.png"])
    first = content_digest((ids[name], digest) for name, digest in (("train/x/1.png", "1"), ("test/x/1.png", "2")))
    swapped = content_digest((ids[name], digest) for name, digest in (("train/x/1.png", "2"), ("test/x/1.png", "1")))
    assert first != swapped
