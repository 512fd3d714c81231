"""Agreement of experts with each other and of the model with them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.predictions import predictions
from hemabalance.classes import UNDECIDED
from hemabalance.classify.expert_agreement import (
    expert_agreement,
    expert_columns,
    expert_labels,
    read_expert_labels,
    write_expert_agreement,
)
from hemabalance.classify.predictions import codes_of, predictions_table
from hemabalance.dataset.tables import write_table
from hemabalance.errors import InputError

CLASS_OF = {"Kern": "nucleated", "Kern jung": "nucleated", "Stab": "band", "Blast?": "blast", "unklar": UNDECIDED}
CLASSES = ("band", "blast", "nucleated")


def tables_of(*annotations: tuple[str | None, ...], status: tuple[str, ...] = ()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Manifest and inventory: of each image the label as found, then those of the experts."""
    n = len(annotations)
    names = expert_columns(len(annotations[0]) - 1)
    found = pd.DataFrame(annotations, columns=["label_raw", *names], dtype="str")
    found.insert(0, "image_id", [f"lab/{number:02d}" for number in range(n)])
    classes = found.assign(label=found["label_raw"].map(CLASS_OF), status=status or "kept")
    classes[names] = found[names].apply(lambda column: column.map(CLASS_OF))
    return classes.astype("str"), found.assign(other=1)


ANNOTATIONS = (
    ("Kern jung", "Kern", "Kern jung"),  # one class, two labels as found
    ("Kern", "Kern", "Stab"),
    ("Blast?", "unklar", "unklar"),
    ("Blast?", "Blast?", None),
    ("Blast?", "Stab", "Stab"),
    ("Stab", None, None),
    ("Stab", "Blast?", "Blast?"),
)
MANIFEST, INVENTORY = tables_of(*ANNOTATIONS, status=("kept",) * 6 + ("excluded",))
LABELS = expert_labels(MANIFEST, 2, INVENTORY)


def predictions_of(**classes: str) -> pd.DataFrame:
    """Predictions of some images of `MANIFEST`; the key `i02` is the image with the number 2."""
    rows = pd.DataFrame({"image_id": [f"lab/{key[1:]}" for key in classes], "source": "lab", "label": "band"})
    logits = np.zeros((len(rows), len(CLASSES)))
    logits[np.arange(len(rows)), codes_of(classes.values(), CLASSES)] = 5
    return predictions_table(rows, logits, 1.0, classes=CLASSES)


def find_row(rows: list[dict[str, Any]], of: str, against: str, level: str, images: str) -> dict[str, Any]:
    key = (of, against, level, images)
    (match,) = (row for row in rows if (row["of"], row["against"], row["level"], row["images"]) == key)
    return match


def counts(row: dict[str, Any]) -> tuple[int, ...]:
    return row["n"], row["agree"], row["undecided"], row["both_undecided"]


def test_experts_are_compared_by_label_as_found_and_by_class() -> None:
    rows = expert_agreement(LABELS, predictions_of(i00="nucleated", i04="blast"))
    assert counts(find_row(rows, "expert_1", "label", "fine", "kept")) == (5, 2, 1, 0)
    assert counts(find_row(rows, "expert_1", "label", "final", "kept")) == (5, 3, 1, 0)
    assert counts(find_row(rows, "expert_2", "expert_1", "fine", "kept")) == (4, 1, 1, 1)
    assert counts(find_row(rows, "expert_2", "expert_1", "final", "kept")) == (4, 2, 1, 1)
    assert counts(find_row(rows, "expert_2", "expert_1", "final", "test")) == (2, 2, 0, 0)
    assert counts(find_row(rows, "expert_1", "label", "final", "test")) == (2, 1, 0, 0)
    row = find_row(rows, "expert_1", "label", "final", "kept")
    assert row["low"] < row["value"] == 3 / 5 < row["high"]


def test_the_model_is_compared_with_the_experts() -> None:
    rows = expert_agreement(LABELS, predictions_of(i00="nucleated", i02="blast", i03="blast", i04="band", i05="band"))
    assert counts(find_row(rows, "model", "label", "final", "test")) == (4, 3, 0, 0)
    assert counts(find_row(rows, "model", "expert_1", "final", "test")) == (4, 3, 1, 0)
    assert counts(find_row(rows, "model", "expert_2", "final", "test")) == (3, 2, 1, 0)


def test_without_labels_as_found_only_classes_are_compared() -> None:
    rows = expert_agreement(expert_labels(MANIFEST, 2, None), predictions_of(i00="nucleated"))
    assert {row["level"] for row in rows} == {"final"}
    both = expert_agreement(LABELS, predictions_of(i00="nucleated"))
    assert rows == [row for row in both if row["level"] == "final"]


@pytest.mark.parametrize("experts", [1, 3])
def test_any_number_of_experts_is_compared_in_pairs(experts: int) -> None:
    manifest, _ = tables_of(("Stab", *["Stab"] * experts), ("Kern", *["Kern"] * (experts - 1), "Stab"))
    rows = expert_agreement(expert_labels(manifest, experts, None), predictions_of(i00="band"))
    names = expert_columns(experts)
    pairs = [(row["of"], row["against"]) for row in rows if row["images"] == "kept"]
    between = [("expert_2", "expert_1"), ("expert_3", "expert_1"), ("expert_3", "expert_2")][: experts * (experts - 1)]
    assert pairs == [*((name, "label") for name in names), *between]
    assert counts(find_row(rows, names[-1], "label", "final", "kept")) == (2, 1, 0, 0)
    of_model = [(row["against"], row["agree"]) for row in rows if row["of"] == "model"]
    assert of_model == [("label", 1), *((name, 1) for name in names)]


def test_a_run_without_re_annotated_test_images_has_no_value(tmp_path: Path) -> None:
    write_table(MANIFEST, tmp_path / "m.parquet")
    write_table(INVENTORY, tmp_path / "i.parquet")
    labels = read_expert_labels(tmp_path / "m.parquet", 2, tmp_path / "i.parquet")
    write_expert_agreement({"lab": labels}, predictions(20), tmp_path / "y.json")
    content = json.loads((tmp_path / "y.json").read_text("utf-8"))
    assert list(content) == ["lab"]
    row = find_row(content["lab"], "model", "expert_1", "final", "test")
    assert (row["n"], row["value"], row["low"]) == (0, None, None)
    assert find_row(content["lab"], "expert_1", "label", "fine", "kept")["agree"] == 2
    none = expert_agreement(expert_labels(tables_of(("Stab", None, None))[0], 2, None), predictions(20))
    assert {row["n"] for row in none} == {0}


def test_a_manifest_without_the_experts_column_is_refused(tmp_path: Path) -> None:
    write_table(MANIFEST, tmp_path / "m.parquet")
    with pytest.raises(InputError, match="expert_3"):
        read_expert_labels(tmp_path / "m.parquet", 3, None)
