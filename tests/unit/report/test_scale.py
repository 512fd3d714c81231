from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hemabalance.dataset.fields import Fields
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.report.dataset.scale import Scale, scale_figure, scale_table, sizes_in


def red_cells_of(folder: Path, name: str, diameter: float, count: int = 5) -> ImageSet:
    """Images of one red disk each, `diameter` as a share of the side."""
    down, across = np.mgrid[0:256, 0:256] / 255 - 0.5
    image = np.full((256, 256, 3), (250, 240, 235), np.uint8)
    image[down**2 + across**2 < diameter**2 / 4] = (210, 150, 160)
    ids = [f"{name}/{k}" for k in range(count)]
    rows = pd.DataFrame({"image_id": ids, "label": "platelet", "source": name, "origin": "real", "provenance": "{}"})
    write_image_set(folder / f"{name}.zip", folder / f"{name}.parquet", rows, [image] * count, threads=1)
    return ImageSet(folder / f"{name}.zip", folder / f"{name}.parquet")


def table_of(sets: dict[str, ImageSet], fields: dict[str, float], configured: Fields | None = None) -> pd.DataFrame:
    return scale_table(sizes_in(sets, "red_cells", seed=1), Scale(configured or fields, fields))


def test_the_source_with_smaller_cells_should_use_less_of_its_frame(tmp_path: Path) -> None:
    with red_cells_of(tmp_path, "small", 0.24) as small, red_cells_of(tmp_path, "large", 0.3) as large:
        table = table_of({"small": small, "large": large}, {"small": 1.0, "large": 1.0})
        squared = table_of({"small": large, "large": large}, {"small": 0.8, "large": 1.0})
    assert table["red_cells"].tolist() == [5, 5]
    assert table["field_for_one_scale"].tolist() == pytest.approx([0.8, 1.0], abs=0.02)
    # With this field both sources have equal scale, and the table still gives the same field.
    assert squared["field_for_one_scale"].tolist() == pytest.approx([0.8, 1.0], abs=1e-3)
    assert "field_in_config" not in squared


def test_an_estimated_field_is_marked(tmp_path: Path) -> None:
    with red_cells_of(tmp_path, "small", 0.24) as small, red_cells_of(tmp_path, "large", 0.3) as large:
        sets, fields = {"small": small, "large": large}, {"small": 0.8, "large": 1.0}
        table = table_of(sets, fields, {"small": "auto", "large": 1.0})
        nuclei = scale_table(sizes_in(sets, "nuclei", seed=1), Scale(fields, fields, "nuclei"))
    assert table["field"].tolist() == [0.8, 1.0]
    assert table["field_in_config"].tolist() == ["auto", "1.0"]
    assert nuclei["nuclei"].tolist() == [0, 0]


def test_a_source_without_red_cells_has_no_scale(tmp_path: Path) -> None:
    with red_cells_of(tmp_path, "none", 0.0) as none, red_cells_of(tmp_path, "some", 0.3) as some:
        sizes = sizes_in({"none": none, "some": some}, "red_cells", seed=1)
    table = scale_table(sizes, Scale({"none": 1.0, "some": 1.0}, {"none": 1.0, "some": 1.0}))
    assert table["red_cells"].tolist() == [0, 5]
    assert table["field_for_one_scale"].isna().tolist() == [True, False]
    for name in ("first", "second"):
        scale_figure(sizes, "red_cells", tmp_path / f"{name}.svg")
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    scale_figure({"none": sizes["none"]}, "red_cells", tmp_path / "empty.svg")
