"""Folders that are complete under their name, or not there."""

from pathlib import Path

import pytest

from hemabalance.errors import InputError
from hemabalance.new_folder import atomic_folder, check_free_folder


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_when_all_is_written(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "out"
    if exists:
        folder.mkdir()
    check_free_folder(folder)
    with atomic_folder(folder) as part:
        (part / "file").write_text("text")
        assert not (folder / "file").exists()
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(InputError, match="out: is not empty; nothing is overwritten"):
        check_free_folder(folder)
    with pytest.raises(InputError, match="cannot be written"), atomic_folder(folder):
        pass
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_after_an_error_nothing_is_left(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with atomic_folder(tmp_path / "out") as part:
            (part / "file").write_text("text")
            raise error

    with pytest.raises((error, InputError)):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(InputError, match="exists already"):
            check_free_folder(tmp_path / name)
    with pytest.raises(InputError, match="cannot be written"):
        check_free_folder(tmp_path / "file" / "below")
