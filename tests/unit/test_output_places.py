"""Every command that writes tries the place of its output before it reads or computes anything."""

import os
from pathlib import Path

import pytest

from hemabalance.cli import main
from hemabalance.errors import InputError
from hemabalance.files import check_new_folder, check_target

# None of the inputs exists: a command that read one first would complain about that.
COMMANDS = {
    "predict csv": ["predict", "absent", "absent.png", "--out", "{place}/table.csv"],
    "predict parquet": ["predict", "absent", "absent.png", "--out", "{place}/table.parquet"],
    "export": ["export", "absent", "--onnx", "{place}/model.onnx"],
    "export-images": ["export-images", "absent", "{place}/images"],
    "export-images parquet": ["export-images", "absent", "{place}/images", "--parquet"],
    "normalize": ["normalize", "absent", "--model", "absent", "--into", "{place}/images"],
    "dedup": ["dedup", "absent", "--out", "{place}/copies.csv"],
    "dedup page": ["dedup", "absent", "--report", "{place}/copies.html"],
    "generate": ["generate", "absent", "--class", "x", "--into", "{place}/images"],
    "reproduce": ["reproduce", "absent.parquet", "id", "--out", "{place}/image.png"],
    "check-gpu": ["check-gpu", "--configfile", "absent.yaml", "--into", "{place}/gpu"],
    "init": ["init", "absent", "--into", "{place}/my.yaml"],
    "results": ["results", "--run", "absent", "--into", "{place}/RESULTS.md"],
    "resources": ["resources", "absent", "--into", "{place}/config.yaml"],
}
FOLDERS = ("export-images", "export-images parquet", "normalize", "generate")
"""Commands that make a folder; the others write a file."""
BELOW_A_FILE, LONG = "file/in/the/way", "x" * 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", [BELOW_A_FILE, LONG])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_place_is_tried_first(name: str, place: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word.format(place=place) for word in COMMANDS[name]]) == 1
    message = capsys.readouterr().err
    assert f"{folder / place}" in message
    assert "cannot be written" in message
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in FOLDERS])
def test_a_folder_is_no_file_to_write(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word.format(place=folder) for word in COMMANDS[name]]
    (Path(words[-1]) / "gpu.json" if name == "check-gpu" else Path(words[-1])).mkdir(parents=True)
    assert main(words) == 1
    assert "is a folder" in capsys.readouterr().err


def test_a_place_that_can_be_written_to_is_left_as_it_is(folder: Path) -> None:
    check_target("new/folders/table.csv")
    check_target("file")
    check_new_folder("new/folder")
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert Path("file").read_text() == "in the way"


def test_a_device_is_not_replaced(folder: Path) -> None:
    with pytest.raises(InputError, match="is a device or a pipe"):
        check_target("/dev/null")


def test_a_folder_that_exists_is_not_overwritten(folder: Path) -> None:
    Path("link").symlink_to("nowhere")
    for name in ("file", "link", "."):
        with pytest.raises(InputError, match="exists already"):
            check_new_folder(name)


def test_a_folder_without_permission_is_named() -> None:
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        # As another user, because root may write everywhere.
        if not os.getuid():
            os.setuid(65534)
        try:
            check_target("/usr/new/table.csv")
        except BaseException as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        assert pipe.read().startswith("/usr/new/table.csv: cannot be written: /usr (Permission denied). ")
