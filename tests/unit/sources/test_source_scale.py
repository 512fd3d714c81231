"""The size of the cells of a source, from its archive."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.archives import write_zip
from helpers.photographs import LIMITS, PIXELS, inventory, manifest_of, tcia_files
from hemabalance.dataset.geometry import Fit, fit_square
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError
from hemabalance.metrics.cell_size import CellSizes
from hemabalance.sources import scale as module
from hemabalance.sources.phantom.archive import tiff
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.sources.scale import SHOWN, Measured, measure_source


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    cells = sample_cells(["basophil", "neutrophil", "monocyte"] * 4, seed=3, first_index=0)
    return render(cells, "b", shape=(100, 100), nuisance=True, threads=1)


def files_of(photographs: np.ndarray, field: float = 1.0) -> dict[str, bytes]:
    names = [name for name in tcia_files(each=4) if name.endswith("tiff")]
    squares = [fit_square(image, size=100, fit="crop", field=field) for image in photographs]
    return {name: tiff(image) for name, image in zip(names, squares, strict=True)}


def manifest(path: Path) -> pd.DataFrame:
    return manifest_of(inventory(path, "tcia")[0]).reset_index(drop=True)


def measure(path: Path, table: pd.DataFrame, seed: int = 1, fit: Fit = "crop") -> Measured:
    return measure_source(path, table, limits=LIMITS, pixels=PIXELS, fit=fit, seed=seed, threads=1)


def measured(path: Path, table: pd.DataFrame, seed: int = 1) -> CellSizes:
    return measure(path, table, seed).sizes


def test_the_ratio_of_two_sources_is_that_of_their_magnifications(photographs: np.ndarray, tmp_path: Path) -> None:
    far, near = (write_zip(tmp_path / f"{field}.zip", files_of(photographs, field)) for field in (1.0, 0.8))
    sizes = [measured(path, manifest(path)) for path in (far, near)]
    assert [found.images for found in sizes] == [12, 12]
    assert sizes[0].of["red_cells"].median / sizes[1].of["red_cells"].median == pytest.approx(0.8, rel=0.05)


def test_a_sample_is_measured(photographs: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLED", 5)
    path = write_zip(tmp_path / "a.zip", files_of(photographs))
    table = manifest(path)
    first, again, other = (measured(path, table, seed).plain for seed in (1, 1, 2))
    assert first["images"] == 5
    assert first == again != other


def test_some_photographs_are_kept_to_be_shown(photographs: np.ndarray, tmp_path: Path) -> None:
    files = files_of(photographs)
    path = write_zip(tmp_path / "a.zip", files)
    table = manifest(path)
    examples = measure(path, table).examples
    assert len(examples) == SHOWN < len(files)
    order = pd.Series(draws(table["image_id"], seed=1)).sort_values().index
    for (square, share), member in zip(examples, table.loc[order, "member"], strict=False):
        content = np.asarray(Image.open(io.BytesIO(files[member])).convert("RGB"))
        np.testing.assert_array_equal(square, fit_square(content, size=256, fit="crop", field=1.0))
        assert share == 1
    other = measure(path, table, seed=2).examples
    assert not np.array_equal(other[0][0], examples[0][0])


@pytest.mark.parametrize("kept", [0, 11])
def test_an_archive_that_changed_is_refused(photographs: np.ndarray, tmp_path: Path, kept: int) -> None:
    files = files_of(photographs)
    table = manifest(write_zip(tmp_path / "a.zip", files))
    names = sorted(files)
    changed = {name: files[name] for name in names[:kept]} or dict.fromkeys(names, files[names[0]])
    with pytest.raises(InputError, match="is missing or differs from the file that the manifest was built from"):
        measured(write_zip(tmp_path / "b.zip", changed), table)
