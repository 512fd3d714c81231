from collections.abc import Callable
from pathlib import Path

import pytest
from test_download import QUICK, Archive, archive, honest  # noqa: F401 - archive is a fixture

from helpers.archives import Files, write_folder, write_tar, write_zip, zip_bytes
from helpers.photographs import LIMITS, SOURCE_ENTRY, inventory, mendeley_files, photograph, tcia_files
from hemabalance.errors import InputError
from hemabalance.sources.acquire import archive_digest, fetch, require_archive
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.sources.phantom.archive import jpeg

FILES = mendeley_files()
NON_IMAGES = {
    "PBC/ig/empty.jpg": b"",
    "PBC/ig/note.jpg": b"text",
    "PBC/ig/half.jpg": jpeg(photograph(1))[:900],
    "PBC/.DS_Store": b"\0\0\0\1Bud1",
}
ARCHIVE_WRITERS: dict[str, Callable[[Path, Files], Path]] = {"zip": write_zip, "tar": write_tar, "folder": write_folder}


def entry(**changes: object) -> SourceEntry:
    return SOURCE_ENTRY.model_copy(update=changes)


def digest_of(files: Files, folder: Path) -> str:
    return archive_digest("mendeley", write_zip(folder / "known.zip", files), LIMITS)


@pytest.mark.parametrize("write_archive", ARCHIVE_WRITERS.values(), ids=ARCHIVE_WRITERS)
@pytest.mark.parametrize(("source", "files"), [("mendeley", FILES | NON_IMAGES), ("tcia", tcia_files())])
def test_archive_digest_is_the_inventorys(
    tmp_path: Path, write_archive: Callable[[Path, Files], Path], source: str, files: Files
) -> None:
    path = write_archive(tmp_path / "cells", files)
    assert archive_digest(source, path, LIMITS) == inventory(path, source)[1]["content_sha256"]


def test_archive_digest_changes_with_content_name_and_number_of_images(tmp_path: Path) -> None:
    name, first = next(iter(FILES.items()))
    renamed = {key: value for key, value in FILES.items() if key != name} | {"PBC/ig/BA_100.jpg": first}
    incomplete = dict(list(FILES.items())[1:])
    digests = {digest_of(files, tmp_path) for files in (FILES, FILES | {name: first[:-1] + b"?"}, renamed, incomplete)}
    assert len(digests) == 4


def test_a_missing_archive_is_explained(tmp_path: Path) -> None:
    target = tmp_path / "raw" / "cells.zip"
    with pytest.raises(InputError) as caught:
        require_archive(SOURCE_ENTRY, target)
    assert str(caught.value) == (
        f"{target}: the archive of Cells of a test is missing. "
        f"Download cells.zip from https://example.org/cells and put it at {target} (press the button)."
    )


def test_a_missing_archive_that_is_not_public_is_asked_for_at_its_absolute_place() -> None:
    with pytest.raises(InputError) as caught:
        require_archive(None, Path("nowhere/north"))
    assert str(caught.value).startswith(f"{Path.cwd()}/nowhere/north: does not exist")


def test_an_existing_archive_or_folder_passes(tmp_path: Path) -> None:
    require_archive(None, tmp_path)
    require_archive(SOURCE_ENTRY, tmp_path)
    require_archive(SOURCE_ENTRY, write_zip(tmp_path / "cells.zip", FILES))


def test_fetch_takes_the_first_address_with_the_right_content(
    tmp_path: Path,
    archive: Archive,  # noqa: F811
) -> None:
    target = tmp_path / "raw" / "cells.zip"
    wrong = archive.serve("/wrong", honest(zip_bytes(dict(list(FILES.items())[1:]))))
    # One of the public addresses serves a zip that wraps the archive; its content digest is equal.
    right = archive.serve("/right", honest(zip_bytes({"PBC.zip": zip_bytes(FILES)})))
    known = entry(addresses=(wrong, right), content_sha256=digest_of(FILES, tmp_path))
    fetch("mendeley", known, target, transfer=QUICK, limits=LIMITS)
    assert inventory(target, entry=known)[1]["complete"] is True
    assert [file.name for file in target.parent.iterdir()] == ["cells.zip"]


@pytest.mark.parametrize(
    ("served", "message"),
    [(zip_bytes(FILES | {"PBC/ig/MY_100.jpg": jpeg(photograph(3))}), "content digest"), (b"<html>", "neither a zip")],
)
def test_fetch_deletes_a_download_with_wrong_content(
    tmp_path: Path,
    archive: Archive,  # noqa: F811
    served: bytes,
    message: str,
) -> None:
    target = tmp_path / "raw" / "cells.zip"
    known = entry(addresses=(archive.serve("/a", honest(served)),), content_sha256=digest_of(FILES, tmp_path))
    with pytest.raises(InputError, match=message) as caught:
        fetch("mendeley", known, target, transfer=QUICK, limits=LIMITS)
    assert str(target) in str(caught.value)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("changes", [{"content_sha256": "0" * 64}, {"addresses": ("http://127.0.0.1:9/a",)}])
def test_fetch_explains_an_archive_that_must_be_placed_by_hand(tmp_path: Path, changes: dict[str, object]) -> None:
    target = tmp_path / "cells.zip"
    with pytest.raises(InputError, match="cannot be downloaded by the workflow") as caught:
        fetch("mendeley", entry(**changes), target, transfer=QUICK, limits=LIMITS)
    assert f"https://example.org/cells and put it at {target}" in str(caught.value)
