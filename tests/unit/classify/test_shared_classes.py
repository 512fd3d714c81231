"""Comparison of two classifiers of different class lists on the classes that both know."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hemabalance.classify.compare import compare, write_comparison
from hemabalance.classify.predictions import predictions_table, write_predictions
from hemabalance.errors import InputError
from hemabalance.report.classify.comparison_results import read_comparison_results
from hemabalance.report.classify.comparisons import comparisons_table

NAMES = ("two", "three")
A, B = ("band", "blast", "crumb"), ("blast", "crumb", "round")


def table_of(classes: tuple[str, ...], images: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Predictions of images `(name, label, predicted)`."""
    rows = pd.DataFrame([("lab/" + name, "lab", label) for name, label, _ in images], dtype="str")
    rows.columns = pd.Index(["image_id", "source", "label"])
    logits = np.zeros((len(images), len(classes)))
    logits[np.arange(len(images)), [classes.index(predicted) for *_, predicted in images]] = 5
    return predictions_table(rows, logits, 1.0, classes=classes)


OF_A = table_of(
    A,
    [
        ("0", "band", "band"),  # a class that only a knows
        ("1", "blast", "blast"),
        ("2", "blast", "band"),  # a prediction outside of the shared classes
        ("3", "crumb", "crumb"),
        ("4", "crumb", "blast"),
        ("5", "crumb", "crumb"),  # an image on which only a was tested
    ],
)
OF_B = table_of(
    B,
    [
        ("1", "blast", "blast"),
        ("2", "blast", "blast"),
        ("3", "crumb", "round"),  # a prediction outside of the shared classes
        ("4", "crumb", "round"),
        ("6", "round", "round"),
        ("7", "round", "round"),
    ],
)


def test_only_shared_images_of_shared_classes_are_compared() -> None:
    found = compare(OF_A, OF_B, names=NAMES, resample_seed=1)
    assert (found["n"], found["classes"]) == (4, ["blast", "crumb"])
    assert found["left_out"] == {"classes_a": ["band"], "classes_b": ["round"], "images_a": 2, "images_b": 2}
    assert found["accuracy"]["value"] == 2 / 4 - 2 / 4
    assert found["mcnemar"] == {"only_a": 1, "only_b": 1, "p": 1.0}


def test_a_prediction_outside_the_shared_classes_is_an_error_and_no_class() -> None:
    found = compare(OF_A, OF_B, names=NAMES, resample_seed=1)
    # sensitivities: a 1/2 of each class; b all blasts and no crumb
    assert found["balanced_accuracy"]["value"] == pytest.approx((1 / 2 + 1 / 2) / 2 - (1 + 0) / 2)
    # F1: a: blast 2/(2+2), crumb 2/(2+1); b: blast 1, crumb 0. The mean is over the two shared classes.
    assert found["macro_f1"]["value"] == pytest.approx((1 / 2 + 2 / 3) / 2 - (1 + 0) / 2)


def test_the_same_class_list_is_compared_as_ever() -> None:
    found = compare(OF_A, OF_A, names=NAMES, resample_seed=1)
    assert found["n"] == 6
    assert not {"classes", "left_out"} & set(found)


def test_nothing_in_common_is_refused() -> None:
    foreign = table_of(("x", "y"), [("1", "x", "x")])
    with pytest.raises(InputError, match="have no class in common: band, blast, crumb; and x, y"):
        compare(OF_A, foreign, names=NAMES, resample_seed=1)
    elsewhere = table_of(B, [("9", "blast", "blast")])
    with pytest.raises(InputError, match="share the classes blast, crumb, but no test image of them"):
        compare(OF_A, elsewhere, names=NAMES, resample_seed=1)
    relabelled = table_of(B, [("1", "crumb", "crumb"), ("2", "blast", "blast")])
    with pytest.raises(InputError, match=r"differ in the label of lab/1 \(1 such images\)"):
        compare(OF_A, relabelled, names=NAMES, resample_seed=1)


def test_the_table_says_what_was_left_out(tmp_path: Path) -> None:
    files = {}
    for name, table in (("two", OF_A), ("three", OF_B)):
        write_predictions(table, tmp_path / name)
        files[name] = [(1, tmp_path / name)]
    write_comparison(files["two"], files["three"], tmp_path / "d.json", names=NAMES, resample_seed=1)
    write_comparison(files["two"], files["two"], tmp_path / "s.json", names=("two", "same"), resample_seed=1)
    different, same = read_comparison_results(["leak_free"] * 2, [tmp_path / "d.json", tmp_path / "s.json"])
    table = comparisons_table([different, different.swapped("three"), same])
    assert table["classes"].tolist() == ["blast, crumb", "blast, crumb", "all"]
    assert table["n"].tolist() == [4, 4, 6]
    assert table["left_out"].tolist() == [
        "2 test images of a and its classes band; 2 test images of b and its classes round",
        "2 test images of a and its classes round; 2 test images of b and its classes band",
        "nothing",
    ]
    assert not {"classes", "left_out"} & set(comparisons_table([same]).columns)
