"""The picture of the red cells that were found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hemabalance.dataset.geometry import Fit
from hemabalance.metrics.cell_size import cell_diameters, cell_sizes, measured_square
from hemabalance.metrics.red_cells import fitted_red_cells
from hemabalance.sources.outlines import outlines_sheet, write_outlines
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.sources.scale import SHOWN, Measured

PALE, RED = (250, 240, 235), (210, 150, 160)
GREEN, VERMILION = (0, 158, 115), (213, 94, 0)
TILE, STEP = 288, 292


def photograph(*disks: tuple[float, float, float]) -> np.ndarray:
    """A pale image, 240x320, with red disks (row, column, diameter in pixels)."""
    image = np.full((240, 320, 3), PALE, np.uint8)
    down, across = np.mgrid[0:240, 0:320] + 0.5
    for row, column, diameter in disks:
        image[(down - row) ** 2 + (across - column) ** 2 < diameter**2 / 4] = RED
    return image


def measured(*images: np.ndarray, fit: Fit = "crop") -> Measured:
    sizes = cell_sizes(cell_diameters(image, fit=fit) for image in images)
    return Measured(sizes, [measured_square(image, fit=fit) for image in images[:SHOWN]])


def near(sheet: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a sheet has about this colour, (n, 2) rows and columns."""
    return np.argwhere((np.abs(sheet.astype(int) - colour) < 40).all(axis=2))


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_counted_cells_are_green_around_their_outline_and_others_vermilion(fit: Fit) -> None:
    """Six cells of 48 px, one of 20 px; the middle 240 columns are measured."""
    cells = [(60.0, 100.0, 48.0), (60.0, 200.0, 48.0), (180.0, 100.0, 48.0)]
    first, second = photograph(*cells, (180.0, 220.0, 20.0)), photograph(*cells)
    sheet = outlines_sheet(measured(first, second, fit=fit))
    assert sheet.shape == (2 * STEP - 4, 4 * STEP - 4, 3)
    scale = TILE / 240
    expected = [(scale * row, scale * (column - 40), scale * diameter / 2) for row, column, diameter in cells]
    for at in (0, STEP):
        found = near(sheet[:TILE, at : at + TILE], GREEN)
        distances = np.array([np.hypot(*(found - (row, column)).T) - radius for row, column, radius in expected])
        assert np.abs(distances).min(axis=0).max() < 6
        assert (np.abs(distances) < 6).sum(axis=1).min() > 100
    small = near(sheet[:TILE, :TILE], VERMILION)
    assert np.abs(np.hypot(*(small - (scale * 180, scale * 180)).T) - scale * 10).max() < 6
    assert not len(near(sheet[:TILE, STEP : STEP + TILE], VERMILION))
    assert (sheet[:, 2 * STEP :] == 255).all()
    assert (sheet[STEP:] == 255).all()


def test_what_is_drawn_is_what_is_measured() -> None:
    square, _ = measured_square(photograph((60, 100, 48), (180, 220, 24)), fit="crop")
    cells = fitted_red_cells(square)
    assert sorted(2 * cell.radius / 256 for cell in cells) == pytest.approx([24 / 240, 48 / 240], rel=0.05)
    for cell in cells:
        distances = np.hypot(*(cell.arc - (cell.row, cell.column)).T)
        assert distances == pytest.approx(np.full(len(distances), cell.radius), abs=1.5)


def test_the_file_is_small_and_always_the_same(tmp_path: Path) -> None:
    cells = sample_cells(["basophil", "neutrophil", "monocyte"] * 3, seed=3, first_index=0)
    smear = measured(*render(cells, "b", shape=(200, 200), nuisance=True, threads=1))
    noise = Measured(smear.sizes, [(np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8), 1.0)] * SHOWN)
    for name, content in {"smear": smear, "noise": noise}.items():
        for copy in ("a", "b"):
            write_outlines(content, tmp_path / f"{name}_{copy}.webp")
        first, second = (tmp_path / f"{name}_{copy}.webp" for copy in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
        assert 1000 < first.stat().st_size <= 150_000
        assert Image.open(first).size == (4 * STEP - 4, 2 * STEP - 4)
    assert np.asarray(Image.open(tmp_path / "smear_a.webp")).std() > 10


def test_without_photographs_the_picture_is_white(tmp_path: Path) -> None:
    write_outlines(Measured(cell_sizes([]), []), tmp_path / "none.webp")
    assert (np.asarray(Image.open(tmp_path / "none.webp")) == 255).all()
