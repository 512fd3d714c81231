from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.report.dataset.scale import scale_table


def red_cells_of(folder: Path, name: str, diameter: float, count: int = 5) -> ImageSet:
    """Images of one red disk each, `diameter` as a share of the side."""
    down, across = np.mgrid[0:128, 0:128] / 127 - 0.5
    image = np.full((128, 128, 3), (250, 240, 235), np.uint8)
    image[down**2 + across**2 < diameter**2 / 4] = (210, 150, 160)
    ids = [f"{name}/{k}" for k in range(count)]
    rows = pd.DataFrame({"image_id": ids, "label": "platelet", "source": name, "origin": "real", "provenance": "{}"})
    write_image_set(folder / f"{name}.zip", folder / f"{name}.parquet", rows, [image] * count, threads=1)
    return ImageSet(folder / f"{name}.zip", folder / f"{name}.parquet")


def test_the_source_with_smaller_cells_should_use_less_of_its_frame(tmp_path: Path) -> None:
    with red_cells_of(tmp_path, "small", 0.24) as small, red_cells_of(tmp_path, "large", 0.3) as large:
        table = scale_table({"small": small, "large": large}, {"small": 1.0, "large": 1.0}, seed=1)
        squared = scale_table({"small": large, "large": large}, {"small": 0.8, "large": 1.0}, seed=1)
    assert table["red_cells"].tolist() == [5, 5]
    assert table["field_for_one_scale"].tolist() == pytest.approx([0.8, 1.0], abs=0.02)
    # With this field both sources have equal scale, and the table still gives the same field.
    assert squared["field_for_one_scale"].tolist() == pytest.approx([0.8, 1.0], abs=1e-3)


def test_a_source_without_red_cells_has_no_scale(tmp_path: Path) -> None:
    with red_cells_of(tmp_path, "none", 0.0) as none, red_cells_of(tmp_path, "some", 0.3) as some:
        table = scale_table({"none": none, "some": some}, {"none": 1.0, "some": 1.0}, seed=1)
    assert table["red_cells"].tolist() == [0, 5]
    assert table["field_for_one_scale"].isna().tolist() == [True, False]
