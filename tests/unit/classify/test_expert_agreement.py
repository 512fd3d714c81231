"""The human expert_agreement: how often those who looked at a cell agree, and the model beside them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.photographs import manifest_from_rows
from helpers.predictions import predictions
from hemabalance.classify.expert_agreement import expert_agreement, write_expert_agreement
from hemabalance.classify.predictions import codes_of, make_predictions, write_predictions
from hemabalance.dataset.manifest_table import write_manifest
from hemabalance.errors import InputError


def annotated(*said: tuple[str, str | None, str | None, str]) -> pd.DataFrame:
    """A manifest of source B: folder, first and second re-annotation, status."""
    label = {"LYT": "lymphocyte", "LYA": "lymphocyte", "MYO": "myeloblast", "MON": "monocyte"}
    rows = [
        {"image_id": f"tcia/{folder}/{place:02d}.tiff", "label": label[folder], "status": status}
        | {"reannotation_1": first, "reannotation_2": second}
        for place, (folder, first, second, status) in enumerate(said)
    ]
    rows.append({"image_id": "mendeley/platelet/1.jpg", "label": "platelet"})
    return manifest_from_rows(sorted(rows, key=lambda row: row["image_id"]))


MANIFEST = annotated(
    ("LYA", "LYT", "LYA", "kept"),  # one final class, two fine types
    ("LYT", "LYT", "MON", "kept"),
    ("MYO", "UNC", "UNC", "kept"),
    ("MYO", "MYO", None, "kept"),
    ("MYO", "MON", "MON", "kept"),
    ("MON", None, None, "kept"),
    ("MON", "MYO", "MYO", "excluded"),
)


def predicted(**said: str) -> pd.DataFrame:
    """Predictions of some images of `MANIFEST`, by their place."""
    chosen = MANIFEST[MANIFEST["image_id"].str[-7:-5].isin([key[1:] for key in said])]
    rows = chosen[["image_id", "source", "label"]]
    logits = np.zeros((len(rows), 12))
    logits[np.arange(len(rows)), codes_of([said[f"i{image[-7:-5]}"] for image in rows["image_id"]])] = 5
    return make_predictions(rows, logits, 1.0)


def one_row(rows: list[dict[str, Any]], of: str, against: str, level: str, images: str) -> dict[str, Any]:
    key = (of, against, level, images)
    (found,) = (row for row in rows if (row["of"], row["against"], row["level"], row["images"]) == key)
    return found


def counted(row: dict[str, Any]) -> tuple[int, ...]:
    return row["n"], row["agree"], row["undecided"], row["both_undecided"]


def test_people_are_counted_by_fine_type_and_final_class() -> None:
    rows = expert_agreement(MANIFEST, predicted(i00="lymphocyte", i04="myeloblast"), taxonomy="thesis")
    assert counted(one_row(rows, "reannotation_1", "label", "fine", "kept")) == (5, 2, 1, 0)
    assert counted(one_row(rows, "reannotation_1", "label", "final", "kept")) == (5, 3, 1, 0)
    assert counted(one_row(rows, "reannotation_2", "reannotation_1", "fine", "kept")) == (4, 1, 1, 1)
    assert counted(one_row(rows, "reannotation_2", "reannotation_1", "final", "kept")) == (4, 2, 1, 1)
    assert counted(one_row(rows, "reannotation_2", "reannotation_1", "final", "test")) == (2, 2, 0, 0)
    assert counted(one_row(rows, "reannotation_1", "label", "final", "test")) == (2, 1, 0, 0)
    row = one_row(rows, "reannotation_1", "label", "final", "kept")
    assert row["low"] < row["value"] == 3 / 5 < row["high"]


def test_the_model_stands_beside_them() -> None:
    said = {"i00": "lymphocyte", "i02": "myeloblast", "i03": "myeloblast", "i04": "monocyte", "i05": "monocyte"}
    rows = expert_agreement(MANIFEST, predicted(**said), taxonomy="thesis")
    assert counted(one_row(rows, "model", "label", "final", "test")) == (4, 3, 0, 0)
    assert counted(one_row(rows, "model", "reannotation_1", "final", "test")) == (4, 3, 1, 0)
    assert counted(one_row(rows, "model", "reannotation_2", "final", "test")) == (3, 2, 1, 0)


def test_a_run_without_re_annotated_test_images_has_no_value(tmp_path: Path) -> None:
    write_manifest(MANIFEST, tmp_path / "m.parquet")
    write_predictions(predictions(20), tmp_path / "p.parquet")
    write_expert_agreement(tmp_path / "m.parquet", tmp_path / "p.parquet", tmp_path / "y.json", taxonomy="thesis")
    found = json.loads((tmp_path / "y.json").read_text("utf-8"))
    row = one_row(found["rows"], "model", "reannotation_1", "final", "test")
    assert (found["source"], row["n"], row["value"], row["low"]) == ("tcia", 0, None, None)
    assert one_row(found["rows"], "reannotation_1", "label", "final", "kept")["n"] == 5
    none = expert_agreement(annotated(("MYO", None, None, "kept")), predictions(20), taxonomy="thesis")
    assert {row["n"] for row in none} == {0}


def test_a_re_annotation_that_is_no_code_is_refused_by_name() -> None:
    manifest = annotated(("MYO", "MYO", "BLAST", "kept"))
    with pytest.raises(InputError, match=r"tcia/MYO/00\.tiff: its re-annotation 'BLAST' is no class of this source"):
        expert_agreement(manifest, predictions(5), taxonomy="thesis")
