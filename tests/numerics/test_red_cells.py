"""Red-cell diameters of disks of known size and of rendered cells of known scale."""

import numpy as np
import pytest

from helpers.thesis import CLASSES
from hemabalance.dataset.working_size import reduced
from hemabalance.metrics.red_cells import median_diameter, one_population, red_cell_diameters
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.sources.phantom.scene import FRAME_UM, RED_RADIUS_UM

Disk = tuple[float, float, float, tuple[int, int, int]]
PALE, RED, PURPLE = (250, 240, 235), (210, 150, 160), (90, 40, 130)


def field(side: int, *disks: Disk) -> np.ndarray:
    """A pale image with disks (row, column, diameter as shares of the side, colour), with antialiased outlines."""
    fine = 4 * side
    image = np.full((fine, fine, 3), PALE, np.uint8)
    down, across = (np.mgrid[0:fine, 0:fine] + 0.5) / fine
    for row, column, diameter, colour in disks:
        image[(down - row) ** 2 + (across - column) ** 2 < diameter**2 / 4] = colour
    return reduced(image[None], side, where="disks")[0]


@pytest.mark.parametrize("side", [64, 128, 256])
@pytest.mark.parametrize("diameter", [0.15, 0.2, 0.3])
def test_disks_have_their_diameter(side: int, diameter: float) -> None:
    result = red_cell_diameters(field(side, (0.3, 0.3, diameter, RED), (0.7, 0.7, diameter, RED)))
    assert result == pytest.approx([diameter, diameter], abs=2 / side)


@pytest.mark.parametrize(
    "disk", [(0.5, -0.06, 0.2, RED), (0.5, 0.5, 0.2, PURPLE), (0.5, 0.5, 0.04, RED), (0.5, 0.5, 0.7, RED)]
)
def test_objects_other_than_red_cells_do_not_count(disk: Disk) -> None:
    assert len(red_cell_diameters(field(128, disk))) == 0


@pytest.mark.parametrize("column", [0.0, 0.03, 0.95])
def test_a_cell_that_the_border_cuts_has_its_diameter(column: float) -> None:
    assert red_cell_diameters(field(128, (0.5, column, 0.2, RED))) == pytest.approx([0.2], rel=0.04)


def test_touching_cells_have_their_diameters() -> None:
    found = red_cell_diameters(field(128, (0.5, 0.4, 0.2, RED), (0.5, 0.55, 0.24, RED)))
    assert sorted(found) == pytest.approx([0.2, 0.24], rel=0.05)


def test_a_pale_centre_does_not_count() -> None:
    ring = field(128, (0.5, 0.5, 0.3, RED), (0.5, 0.5, 0.15, PALE))
    assert red_cell_diameters(ring) == pytest.approx([0.3], rel=0.03)


def test_one_population_leaves_out_platelets_and_clumps() -> None:
    diameters = np.r_[np.linspace(0.18, 0.22, 41), [0.08] * 50, 0.5]
    assert np.median(one_population(diameters)) == pytest.approx(0.2)
    assert len(one_population(diameters)) == 41
    assert len(one_population(np.empty(0))) == 0


@pytest.mark.parametrize("blank", [0, 128, 255])
def test_a_blank_field_has_none(blank: int) -> None:
    result = median_diameter([np.full((64, 64, 3), blank, np.uint8)])
    assert result.n == 0
    assert np.isnan([result.median, result.low, result.high]).all()


@pytest.mark.parametrize("stain", ["a", "b"])
@pytest.mark.parametrize("side", [64, 128])
def test_rendered_cells_have_their_scale(stain, side: int) -> None:
    cells = sample_cells([CLASSES[k % 12] for k in range(96)], seed=5, first_index=0)
    result = median_diameter(render(cells, stain, shape=(side, side), nuisance=True, threads=2))
    assert result.n > 80
    assert result.low < result.median < result.high
    assert result.median == pytest.approx(2 * RED_RADIUS_UM / FRAME_UM, rel=0.05)


def test_the_interval_covers_the_median_of_a_known_distribution() -> None:
    rng = np.random.default_rng(0)
    contained = 0
    for _ in range(60):
        sizes = rng.uniform(0.14, 0.26, (3, 3, 3))
        result = median_diameter(
            field(
                128,
                *(((0.5 + row) / 3, (0.5 + column) / 3, size, RED) for (row, column), size in np.ndenumerate(image)),
            )
            for image in sizes
        )
        contained += result.low - 0.006 <= 0.2 <= result.high + 0.006
    assert contained >= 52
