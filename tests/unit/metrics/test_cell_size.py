"""The size of rendered cells: by red cells and by nuclei, at several scales, and when it is not trusted."""

from typing import Any

import numpy as np
import pytest

from hemabalance.dataset.geometry import fit_square
from hemabalance.metrics.cell_size import CellSize, CellSizes, cell_diameters, cell_sizes, size_of
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.sources.phantom.scene import FRAME_UM, RED_RADIUS_UM

TRUE = 2 * RED_RADIUS_UM / FRAME_UM


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    cells = sample_cells(["lymphocyte", "neutrophil", "monocyte"] * 12, seed=5, first_index=0)
    return render(cells, "a", shape=(160, 160), nuisance=True, threads=1)


def measured(photographs: np.ndarray, **options: Any) -> CellSizes:
    return cell_sizes(cell_diameters(image, **{"fit": "crop"} | options) for image in photographs)


def test_a_smaller_field_shows_larger_cells(photographs: np.ndarray) -> None:
    whole = measured(photographs)
    part = measured(np.stack([fit_square(image, size=128, fit="crop", field=0.8) for image in photographs]))
    assert whole.images == len(photographs)
    assert whole.of["red_cells"].median == pytest.approx(TRUE, rel=0.05)
    for method in ("red_cells", "nuclei"):
        assert part.of[method].median / whole.of[method].median == pytest.approx(1 / 0.8, rel=0.05)
    assert next(iter(whole.trusted)) == "red_cells"


def test_diameters_are_shares_of_the_side_of_the_fit(photographs: np.ndarray) -> None:
    wide = np.pad(photographs[:4], ((0, 0), (0, 0), (0, 80), (0, 0)), mode="edge")
    cropped, padded = (measured(wide, fit=fit) for fit in ("crop", "pad"))
    ratio = padded.of["nuclei"].diameters / cropped.of["nuclei"].diameters
    assert ratio == pytest.approx(np.full(len(ratio), 160 / 240), rel=1e-3)  # diameters are rounded


def test_without_red_cells_there_are_nuclei() -> None:
    down, across = np.mgrid[0:120, 0:120] / 119 - 0.5
    image = np.full((120, 120, 3), (250, 240, 235), np.uint8)
    image[down**2 + across**2 < 0.15**2] = (90, 40, 130)
    sizes = measured(np.stack([image] * 12))
    assert list(sizes.trusted) == ["nuclei"]
    assert sizes.of["nuclei"].median == pytest.approx(0.3, rel=0.03)
    assert sizes.plain["method"] == "nuclei"
    assert "only 0 red cells were found (10 are needed)" in sizes.problem


@pytest.mark.parametrize("blank", [0, 128, 255])
def test_blank_images_have_no_size(blank: int) -> None:
    sizes = measured(np.full((3, 64, 64, 3), blank, np.uint8))
    assert sizes.trusted == {}
    assert sizes.plain["method"] is None
    assert sizes.plain["red_cells"] == {
        "cells": 0, "median": None, "low": None, "high": None, "quartiles": None, "diameters": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("diameters", "problem"),
    [
        (np.full(9, 0.2), "only 9 red cells were found"),
        (np.linspace(0.1, 0.3, 12), "the interval is wider than ±10%"),
        (np.linspace(0.18, 0.22, 40), ""),
    ],
)
def test_few_or_scattered_cells_are_not_trusted(diameters: np.ndarray, problem: str) -> None:
    found = size_of("red_cells", diameters).problem
    assert problem in found if problem else found == ""


def test_sizes_are_read_as_they_were_written(photographs: np.ndarray) -> None:
    sizes = measured(photographs[:12])
    again = CellSizes.from_plain(sizes.plain)
    assert again.plain == sizes.plain
    assert isinstance(again.of["nuclei"], CellSize)
