"""Rendered archives of laboratories that the config names."""

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from hemabalance.config.rendered import pair_looks, rendered_laboratory
from hemabalance.config.run import load_config
from hemabalance.sources.phantom.laboratory import Laboratory, cell_types_of, write_laboratory
from hemabalance.sources.phantom.looks import look_of
from hemabalance.sources.phantom.species import CELL_TYPES

ROOT = Path(__file__).resolve().parents[3]
LABELS = {"Blasts": "blast", "Seg. neutrophils": "neutrophil", "Debris": None}


def laboratory(look: int = 2) -> Laboratory:
    counts = {"Blasts": 5, "Seg. neutrophils": 3}
    return Laboratory(look, cell_types_of(LABELS, ("blast", "neutrophil")), counts, patients=2)


def archive(folder: Path, content: Laboratory, threads: int = 1) -> Path:
    write_laboratory(folder / "lab.zip", content, seed=5, size=64, threads=threads)
    return folder / "lab.zip"


def images_of(path: Path) -> Mapping[str, np.ndarray]:
    with zipfile.ZipFile(path) as opened:
        names = [name for name in opened.namelist() if name.endswith(".png")]
        return {name: np.asarray(Image.open(io.BytesIO(opened.read(name)))) for name in names}


def test_cell_types_are_sorted_and_own_class_names_get_different_ones() -> None:
    assert list(CELL_TYPES) == sorted(CELL_TYPES)
    types = cell_types_of(
        {"x": "blast", "y": "neutrophil", "z": "reactive", "w": None}, ("blast", "neutrophil", "reactive")
    )
    assert types["y"] == "neutrophil"
    assert len(set(types.values())) == 3
    assert set(types) == {"x", "y", "z"}


def test_more_classes_than_cell_types_are_rendered_in_turn() -> None:
    classes = tuple(f"class_{number:02d}" for number in range(20))
    types = cell_types_of({name: name for name in classes}, classes)
    assert set(types.values()) == set(CELL_TYPES)


def test_folders_patients_and_table_agree(tmp_path: Path) -> None:
    path = archive(tmp_path, laboratory())
    images = images_of(path)
    assert {name.partition("/")[0] for name in images} == {"Blasts", "Seg. neutrophils"}
    with zipfile.ZipFile(path) as opened:
        rows = list(csv.DictReader(io.StringIO(opened.read("labels.csv").decode())))
    assert [row["image"] for row in rows] == list(images)
    assert all(row["image"].startswith(f"{row['label']}/{row['patient']}_") for row in rows)
    assert {row["patient"] for row in rows} == {"p01", "p02"}
    assert {image.shape for image in images.values()} == {(64, 64, 3)}


def test_same_arguments_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert archive(tmp_path, laboratory()).read_bytes() == archive(tmp_path / "again", laboratory(), 2).read_bytes()


def test_looks_have_their_own_stains_and_cells(tmp_path: Path) -> None:
    means = []
    for look in range(4):
        (tmp_path / str(look)).mkdir()
        images = images_of(archive(tmp_path / str(look), laboratory(look)))
        means.append(np.mean([image.reshape(-1, 3).mean(0) for image in images.values()], axis=0))
    distances = [np.linalg.norm(a - b) for i, a in enumerate(means) for b in means[:i]]
    assert min(distances) > 4  # grey levels


@pytest.mark.parametrize("look", range(2, 40))
def test_every_look_is_possible(look: int) -> None:
    found = look_of(look)
    assert (found.densities > 0).all()
    assert ((found.background > 180) & (found.background < 255)).all()
    assert look_of(look) is found


def test_the_first_two_looks_are_those_of_the_preset() -> None:
    for number, name in enumerate("ab"):
        np.testing.assert_array_equal(look_of(number).densities, look_of(name).densities)  # type: ignore[arg-type]
        assert look_of(number).stream == look_of(name).stream  # type: ignore[arg-type]


def test_settings_of_rendered_sources() -> None:
    base = yaml.safe_load((ROOT / "config.yaml").read_text())
    north = {"origin": "phantom", "classes": LABELS, "counts": {"Blasts": 30}}
    pool = {"origin": "phantom", "labels": "none", "look": 9}
    config = load_config({**base, "sources": {"north": north, "pool": pool}, "phantom": {"min_images": 4}})
    assert rendered_laboratory(config, "north") == {
        "look": 0,
        "labels": LABELS,
        "counts": {"Blasts": 30, "Seg. neutrophils": 4},
        "patients": 6,
    }
    pooled = rendered_laboratory(config, "pool")
    assert pooled is not None
    assert (pooled["look"], pooled["counts"]) == (9, {"blast": 4, "neutrophil": 4})
    assert pair_looks(config, "pool") == [0, 9]
    assert rendered_laboratory(load_config(base), "tcia") is None


def test_pairs_of_archives_that_are_not_rendered_have_the_first_two_looks() -> None:
    base = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert pair_looks(load_config(base), "tcia") == [0, 1]
