"""`hemabalance init` on laboratories of rendered cells: what is written, and that it loads."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from helpers.archives import write_folder, write_tar, write_zip
from helpers.laboratory_scenes import (
    cells,
    csv_of,
    files_of,
    folders_laboratory,
    names_laboratory,
    numbered,
    png,
    table_laboratory,
    unlabelled_laboratory,
)
from helpers.photographs import mendeley_files, tcia_files
from helpers.thesis import FOLDERS
from hemabalance.cli import main
from hemabalance.config.overlays import overlaid
from hemabalance.config.run import Config, load_config, read_config_file
from hemabalance.sources.phantom.archive import jpeg
from hemabalance.survey import duplicates, next_run

ROOT = Path(__file__).resolve().parents[3]


class Initialised:
    """What a call of `hemabalance init` wrote and printed."""

    def __init__(self, into: Path, printed: str) -> None:
        self.text = into.read_text("utf-8")
        self.printed = printed
        self.values: dict[str, Any] = yaml.safe_load(self.text)

    @property
    def config(self) -> Config:
        """The config of the run that is proposed, from the files of its command."""
        command = next(line for line in self.printed.splitlines() if line.startswith("  snakemake"))
        values: dict[str, Any] = {}
        for file in command.partition("--configfile ")[2].split(" ")[:-1]:
            values = overlaid(values, read_config_file(ROOT / file))
        return load_config(overlaid(values, self.values))

    def line(self, start: str) -> str:
        return next(line.strip() for line in self.text.splitlines() if line.strip().startswith(start))


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(next_run, "_has_gpu", lambda: False)

    def call(*arguments: object) -> Initialised:
        into = tmp_path / "my.yaml"
        code = main(["init", *map(str, arguments), "--into", str(into)])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return Initialised(into, printed.out)

    return call


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four laboratories: north (folders), south.zip (table), east (file names), pool (unlabelled)."""
    folder = tmp_path_factory.mktemp("laboratories")
    folders_laboratory(folder / "north")
    table_laboratory(folder / "south.zip")
    names_laboratory(folder / "east")
    unlabelled_laboratory(folder / "pool")
    return folder


def test_one_laboratory(init: Callable[..., Initialised], labs: Path) -> None:
    one = init(labs / "north")
    assert list(one.values["sources"]) == ["north"]
    north = one.values["sources"]["north"]
    assert north["labels"] == "folders"
    assert north["classes"] == {
        "Seg. neutrophils": "neutrophil", "LYMPHOS": "lymphocyte", "Blasts": "blast", "Debris": "debris",
    }  # fmt: skip
    assert one.config.classes == ("blast", "debris", "lymphocyte", "neutrophil")
    assert list(one.config.stain.normalizers) == ["none"]
    assert one.config.run == "my"
    assert "3 files of operating systems ignored" in one.printed
    assert "One laboratory" in one.printed
    assert "guess: vocabulary" in one.line("LYMPHOS")
    assert "a class of its own" in one.line("Debris")
    assert "profiles/overlays/demo.yaml" in one.printed.splitlines()[-1]


def test_three_laboratories(init: Callable[..., Initialised], labs: Path) -> None:
    three = init(labs / "north", labs / "south.zip", labs / "east")
    config = three.config
    assert (config.preset, list(config.sources), config.reference) == ("none", ["north", "south", "east"], "north")
    assert config.classes == ("blast", "debris", "lymphocyte", "monocyte", "neutrophil")
    south = config.sources["south"]
    assert (south.labels.table, south.labels.image, south.labels.label) == ("labels.csv", "File", "Diagnosis")
    assert (south.labels.group, south.labels.experts) == ("PatientID", ("Reader 2",))
    assert south.labels.undecided == ("unclear",)
    assert config.sources["east"].labels.pattern is not None
    assert config.sources["east"].classes == {"SNE": "neutrophil", "LY": "lymphocyte", "MO": "monocyte"}
    assert "north - south: background" in three.printed
    assert three.printed.count("stains far apart") == 2
    assert "Stains far apart: north - south" in three.text
    assert "Too small to be learnt well" in three.printed
    assert all("guess" in three.line(start) for start in ("labels: #", "reference:", "SNE", "field: 1.0"))


def test_an_unlabelled_laboratory(init: Callable[..., Initialised], labs: Path) -> None:
    config = init(labs / "pool", labs / "north").config
    assert config.labelled_sources == ("north",)
    assert config.reference == "north"


def test_labels_in_a_file_of_the_user(init: Callable[..., Initialised], labs: Path, tmp_path: Path) -> None:
    rows = [[f"IMG_{number:05d}.png", "Blast" if number % 2 else "Seg", str(number % 4)] for number in range(15)]
    table = tmp_path / "labels of pool.tsv"
    table.write_bytes(csv_of(["picture", "klasse", "slide"], rows).replace(b",", b"\t"))
    given = init(labs / "pool", "--labels", table)
    labels = given.config.sources["pool"].labels
    assert (labels.table, labels.image, labels.label, labels.group) == (str(table), "picture", "klasse", "slide")
    assert "1 images have no label in the table" in given.text


def test_a_table_of_patients_beside_labelled_folders(
    init: Callable[..., Initialised], labs: Path, tmp_path: Path
) -> None:
    folders = shutil.copytree(labs / "north", tmp_path / "north")
    images = sorted(path.relative_to(folders).as_posix() for path in folders.rglob("[0-9]*.png"))
    rows = [[image, f"case {number % 7}"] for number, image in enumerate(images)]
    (folders / "patients.csv").write_bytes(csv_of(["path", "patient"], rows))
    given = init(folders)
    source = given.config.sources["north"]
    assert (source.labels.table, source.labels.group, source.labels.label) == ("patients.csv", "patient", None)
    assert source.classes["Debris"] == "debris"
    assert "7 patients or slides" in given.printed


def test_a_table_that_names_few_images_is_not_used(
    init: Callable[..., Initialised], labs: Path, tmp_path: Path
) -> None:
    folders = shutil.copytree(labs / "north", tmp_path / "north")
    rows = [[f"Blasts/{number:03d}.png", "MYO"] for number in range(9)]
    (folders / "some.csv").write_bytes(csv_of(["path", "label"], rows))
    given = init(folders)
    assert given.values["sources"]["north"]["labels"] == "folders"
    assert "the table some.csv is not used: it names 9 of 64 images" in given.text


def test_a_table_in_place_of_its_folder(init: Callable[..., Initialised], labs: Path, tmp_path: Path) -> None:
    shutil.copytree(labs / "pool", tmp_path / "pool")
    rows = [[f"IMG_{number:05d}.png", "Blast" if number % 2 else "Seg"] for number in range(16)]
    (tmp_path / "pool" / "all.csv").write_bytes(csv_of(["file", "label"], rows))
    source = init(tmp_path / "pool" / "all.csv").config.sources["pool"]
    assert (source.archive, source.labels.table) == (str(tmp_path / "pool"), str(tmp_path / "pool" / "all.csv"))


def test_magnification(init: Callable[..., Initialised], tmp_path: Path) -> None:
    names = {"platelet": numbered("Platelets/{:03d}.png", 30), "neutrophil": numbered("Seg/{:03d}.png", 20)}
    write_folder(tmp_path / "far", files_of(names))
    write_zip(tmp_path / "near.zip", files_of(names, share=0.75, first=5000))
    two = init(tmp_path / "far", tmp_path / "near.zip")
    assert two.values["sources"]["far"]["field"] == pytest.approx(0.75, abs=0.06)
    assert two.values["sources"]["near"]["field"] == 1.0
    assert "guess: red cells measure 0." in two.text
    assert two.config.sources["far"].field < 1


@pytest.mark.parametrize("mirrored", [False, True])
def test_copies_are_named(init: Callable[..., Initialised], tmp_path: Path, mirrored: bool) -> None:
    first = files_of({"neutrophil": numbered("Seg/{:03d}.png", 8), "monocyte": numbered("Mono/{:03d}.png", 8)})
    other = files_of(
        {"neutrophil": numbered("Seg/x{:03d}.png", 8), "monocyte": numbered("Mono/x{:03d}.png", 8)}, first=9000
    )
    photograph = cells("monocyte", 8, "a", 1000)[5]
    again = jpeg(np.ascontiguousarray(photograph[:, ::-1]) if mirrored else photograph, 70)
    other |= {"Mono/copy.png": first["Seg/003.png"], "Mono/again.jpg": again}
    write_tar(tmp_path / "a.tar.gz", first, "w:gz")
    write_zip(tmp_path / "b.zip", other)
    two = init(tmp_path / "a.tar.gz", tmp_path / "b.zip")
    assert "1 file with the bytes of another one: a/Seg/003.png = b/Mono/copy.png" in two.printed
    assert "1 photograph in several laboratories" in two.printed
    assert "1 photograph with different labels" in two.printed
    assert "in other bytes in several laboratories: 1 photograph: a/Mono/005.png = b/Mono/again.jpg" in two.printed
    assert "among 34 images only" in two.printed


def test_what_is_too_large_to_be_read_is_not_compared(
    init: Callable[..., Initialised], labs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "MOST_BYTES", 0)
    copied = init(labs / "north", shutil.copytree(labs / "north", tmp_path / "again"))
    assert "(north: not compared, too large to be read here" in copied.printed
    zips = init(labs / "south.zip", shutil.copy(labs / "south.zip", tmp_path / "other.zip"), "--force")
    assert "40 files with the bytes of another one" in zips.printed  # by the checksums that a zip records
    assert "not compared" not in zips.printed


def test_small_images(init: Callable[..., Initialised], tmp_path: Path) -> None:
    small = {
        name: png(image[40:68, 40:68])
        for name, image in zip(numbered("Seg/{}.png", 6), cells("neutrophil", 6), strict=True)
    }
    small |= {name.replace("Seg", "Mono"): data + b" " for name, data in small.items()}
    tiny = init(write_folder(tmp_path / "tiny", small))
    assert tiny.config.pixels.min_side == 16
    assert "images smaller than 32 pixels are refused by default" in tiny.printed


def pbc_files(folders: list[str]) -> dict[str, bytes]:
    """The files of `mendeley_files` under the prefixes of the public archive."""
    prefixes = {"/ER_": "/ERB_", "/PL_": "/PLATELET_"}
    files = mendeley_files(folders)
    for short, full in prefixes.items():
        files = {name.replace(short, full): data for name, data in files.items()}
    return files


def test_the_archives_of_the_thesis_are_its_preset(init: Callable[..., Initialised], tmp_path: Path) -> None:
    write_zip(tmp_path / "first.zip", tcia_files(list(FOLDERS["tcia"])))
    write_zip(tmp_path / "second.zip", pbc_files(list(FOLDERS["mendeley"])))
    both = init(tmp_path / "first.zip", tmp_path / "second.zip")
    assert both.values["preset"] == "thesis"
    assert both.values["sources"] == {
        "mendeley": {"origin": "local", "archive": str(tmp_path / "second.zip")},
        "tcia": {"origin": "local", "archive": str(tmp_path / "first.zip")},
    }
    assert (both.config.preset, both.config.reference, len(both.config.classes)) == ("thesis", "mendeley", 12)
    assert {source.origin for source in both.config.sources.values()} == {"local"}


@pytest.mark.parametrize("source", ["mendeley", "tcia"])
def test_one_archive_of_the_thesis(init: Callable[..., Initialised], tmp_path: Path, source: str) -> None:
    files = {"mendeley": pbc_files, "tcia": tcia_files}[source](list(FOLDERS[source]))
    one = init(write_zip(tmp_path / "x.zip", files)).config
    assert (one.preset, list(one.sources), one.reference) == ("thesis", [source], source)
    assert set(one.classes) == set(FOLDERS[source].values())


def test_a_published_archive_beside_an_own_one_has_the_classes_of_its_preset(
    init: Callable[..., Initialised], labs: Path, tmp_path: Path
) -> None:
    write_zip(tmp_path / "aml.zip", tcia_files(list(FOLDERS["tcia"]), each=3))
    both = init(tmp_path / "aml.zip", labs / "north")
    assert both.config.preset == "none"
    assert both.config.sources["aml"].classes == FOLDERS["tcia"]
    assert "guess: as in preset thesis" in both.line("MYB")


def test_names_that_yaml_or_config_would_misread(init: Callable[..., Initialised], tmp_path: Path) -> None:
    names = {"neutrophil": numbered("no/{}.png", 5), "monocyte": numbered("Mono: 'x' #1/{}.png", 5)}
    names |= {"lymphocyte": numbered("粒细胞/{}.png", 5), "platelet": numbered("PLT/{}.png", 5)}
    files = files_of(names)
    config = init(write_folder(tmp_path / "It's a lab: #2", files)).config
    (source,) = config.sources.values()
    assert list(config.sources) == ["it_s_a_lab_2"]
    assert source.archive == str(tmp_path / "It's a lab: #2")
    assert {"no", "Mono: 'x' #1", "粒细胞", "PLT"} == set(source.classes)


def test_a_link_is_called_as_the_user_calls_it(init: Callable[..., Initialised], labs: Path, tmp_path: Path) -> None:
    (tmp_path / "Clinic 3.zip").symlink_to(labs / "south.zip")
    assert list(init(tmp_path / "Clinic 3.zip").values["sources"]) == ["clinic_3"]


def test_laboratories_of_one_name(init: Callable[..., Initialised], labs: Path, tmp_path: Path) -> None:
    shutil.copytree(labs / "east", tmp_path / "2" / "north")
    two = init(labs / "north", tmp_path / "2" / "north")
    assert list(two.config.sources) == ["north", "north_2"]


def test_equal_inputs_give_equal_files(init: Callable[..., Initialised], labs: Path, tmp_path: Path) -> None:
    first = init(labs / "south.zip", labs / "north")
    (tmp_path / "my.yaml").unlink()
    again = init(labs / "south.zip", labs / "north")
    assert (first.text, first.printed) == (again.text, again.printed)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["init", *map(str, arguments)]) == 1
    return capsys.readouterr().err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_existing_file_is_kept(here: Path, labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "my.yaml").write_text("mine")
    assert "my.yaml: exists already" in refused(capsys, labs / "north")
    assert (here / "my.yaml").read_text() == "mine"
    assert main(["init", str(labs / "north"), "--force"]) == 0
    assert yaml.safe_load((here / "my.yaml").read_text())["preset"] == "none"
    assert [path.name for path in here.iterdir()] == ["my.yaml"]


def test_what_cannot_be_proposed(here: Path, labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = here / "other.csv"
    table.write_text("file,label\nx.png,blast\ny.png,seg\n")
    blasts = write_folder(here / "blasts", {f"Blasts/{n}.png": png(cells("neutrophil", 6)[n]) for n in range(6)})
    broken = write_folder(here / "broken", {f"{a}/{n}.png": b"\x89PNG\r\n\x1a\nrest" for a in "ab" for n in range(3)})
    text = write_folder(here / "text", {"a/notes.md": b"x", "b/list.gif": b"GIF8"})
    assert "none of its columns names images of north" in refused(capsys, labs / "north", "--labels", table)
    assert "cannot be read (No such file" in refused(capsys, labs / "north", "--labels", here / "absent.csv")
    assert "does not exist" in refused(capsys, here / "absent")
    assert "no label is found for 16 images" in refused(capsys, labs / "pool")
    assert "only one class (blast) is found for 6 images" in refused(capsys, blasts)
    assert "none of 6 images that were tried can be read" in refused(capsys, broken)
    assert "holds no image (1 .md, 1 .gif)" in refused(capsys, text)
    assert "is given twice" in refused(capsys, labs / "north", labs / "north" / ".." / "north")
    assert not (here / "my.yaml").exists()
