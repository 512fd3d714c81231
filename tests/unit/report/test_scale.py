from pathlib import Path

import pandas as pd
import pytest

from helpers.cell_sizes import sizes_around
from hemabalance.dataset.fields import Fields
from hemabalance.metrics.cell_size import CellSizes
from hemabalance.report.dataset.scale import Scale, scale_figure, scale_table

SIZES = {"small": sizes_around(0.24), "large": sizes_around(0.3)}


def table_of(sizes: dict[str, CellSizes], fields: dict[str, float], configured: Fields | None = None) -> pd.DataFrame:
    return scale_table(sizes, Scale(configured or fields, fields))


def test_the_source_with_smaller_cells_should_use_less_of_its_frame() -> None:
    table = table_of(SIZES, {"small": 1.0, "large": 0.9})
    assert table["images"].tolist() == [50, 50]
    assert table["red_cells"].tolist() == [41, 41]
    assert table["diameter"].tolist() == pytest.approx([0.24, 0.3])
    assert table["field"].tolist() == [1.0, 0.9]
    assert table["field_for_one_scale"].tolist() == pytest.approx([0.8, 1.0])
    assert "field_in_config" not in table


def test_an_estimated_field_is_marked() -> None:
    fields = {"small": 0.8, "large": 1.0}
    table = table_of(SIZES, fields, {"small": "auto", "large": 1.0})
    assert table["field_in_config"].tolist() == ["auto", "1.0"]
    nuclei = scale_table({"small": sizes_around(0, 0.35)}, Scale(fields, fields, "nuclei"))
    assert (nuclei["nuclei"].item(), nuclei["diameter"].item()) == (41, pytest.approx(0.35))


def test_a_source_without_red_cells_has_no_scale() -> None:
    sizes = {"none": sizes_around(0), "some": sizes_around(0.3)}
    table = table_of(sizes, {"none": 1.0, "some": 1.0})
    assert table["red_cells"].tolist() == [0, 41]
    assert table["field_for_one_scale"].isna().tolist() == [True, False]


def test_diameters_are_drawn_as_shares_of_the_images(tmp_path: Path) -> None:
    fields = {"small": 0.8, "large": 1.0}
    for name in ("first", "second"):
        scale_figure(SIZES, Scale(fields, fields), tmp_path / f"{name}.svg")
    text = (tmp_path / "first.svg").read_text("utf-8")
    assert text == (tmp_path / "second.svg").read_text("utf-8")
    for source in SIZES:
        assert f"{source}: 0.300 (41)" in text
    scale_figure({"none": sizes_around(0)}, Scale({"none": 1.0}, {"none": 1.0}), tmp_path / "empty.svg")
