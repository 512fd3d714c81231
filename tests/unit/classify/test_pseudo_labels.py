"""Labels that a model predicts for images of other sources: which images get them, and that true labels do nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from helpers.balanced_sets import AUDIT, TARGET
from helpers.classifiers import job, runtime
from helpers.method_settings import small_settings
from helpers.photographs import manifest_from_rows
from helpers.thesis import CLASSES
from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify import pseudo_labels as module
from hemabalance.classify.across import AcrossSettings
from hemabalance.classify.fit import ModelConfig, fit_model
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.pseudo_labels import (
    Labeller,
    PseudoLabelInputs,
    PseudoLabelSettings,
    without_labels,
    write_pseudo_labelled,
)
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.errors import InputError

AUDITED = replace(AUDIT, size=16)
FILES = ("table.parquet", "audit.json", "accepted.json")


@pytest.fixture(scope="module")
def probabilities(model: Any, laboratory: Any) -> pd.DataFrame:
    """Predictions of the unlabelled half, by hand."""
    image_set, split = laboratory
    half = split[split["part"] == "unlabelled"]
    places = pd.Index(image_set.index["image_id"]).get_indexer(half["image_id"])
    values = softmax(model[0].logits(image_set.decode_all(threads=1, where=places)), axis=1)
    predicted = np.array(CLASSES)[values.argmax(1)]
    return half.assign(predicted=predicted, confidence=values.max(1))[["image_id", "predicted", "confidence"]]


def write(
    weights: Path, images: ImageSet, split: pd.DataFrame, folder: Path, confidence: float = 0.0, **changed: Any
) -> pd.DataFrame:
    views: dict[str, Any] = {"source": "a", "poses": False, "zooms": (1.0,), "own_statistics": False}
    manifest = manifest_from_rows(split[["image_id", "label", "group_id"]].to_dict("records"))
    inputs = PseudoLabelInputs(images, split, manifest, changed.pop("seen", []))
    write_pseudo_labelled(
        Labeller("plain, seed 1", weights, AcrossSettings(**views | changed), runtime()),
        inputs,
        PseudoLabelSettings(confidence, CLASSES, TARGET, AUDITED),
        **dict(zip(("table", "audit", "accepted"), (folder / name for name in FILES), strict=True)),
        seed=3,
        threads=1,
    )
    return read_balanced(folder / FILES[0])


def test_confident_predictions_become_labels_of_training_images(
    model: Any, laboratory: Any, probabilities: pd.DataFrame, tmp_path: Path
) -> None:
    image_set, split = laboratory
    level = float(probabilities["confidence"].median())
    table = write(model[1], image_set, split, tmp_path, level)
    expected = probabilities[probabilities["confidence"] >= level]
    assert 0 < len(expected) < len(probabilities)
    added = table[(table["source"] == "b") & (table["part"] == "train")]
    assert dict(zip(added["image_id"], added["label"], strict=True)) == dict(
        zip(expected["image_id"], expected["predicted"], strict=True)
    )
    others = table.drop(index=added.index)[["image_id", "label", "part"]].reset_index(drop=True)
    kept = split.loc[split["part"] != "unlabelled", ["image_id", "label", "part"]]
    assert others.equals(kept.astype("str").sort_values("image_id", ignore_index=True))
    note = json.loads(added["provenance"].iloc[0])
    assert note["labelled_by"] == "plain, seed 1"
    assert note["confidence"] == pytest.approx(expected["confidence"].iloc[0], abs=1e-4)
    numbers = json.loads((tmp_path / "accepted.json").read_text())
    assert numbers["predicted"] == len(probabilities)
    assert numbers["accepted"] == numbers["sources"]["b"] == sum(numbers["classes"].values()) == len(expected)
    assert numbers["classes"] == expected["predicted"].value_counts().sort_index().to_dict()
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["leaks"] | {"lists": []} == {"allowed": False, "lists": [], "n": 0, "by": [], "first": []}
    assert {row["part"] for row in audit["counts"] if row["source"] == "b"} == {"train", "test"}


def test_true_labels_of_the_unlabelled_half_change_nothing(model: Any, laboratory: Any, tmp_path: Path) -> None:
    """Neither the set nor the training on it; images of a class that the reference lacks are labelled too."""
    image_set, split = laboratory
    half = split["part"] == "unlabelled"
    changed = split.copy()
    changed.loc[half, "label"] = np.roll(split.loc[half, "label"].to_numpy(), 3)
    assert (changed["label"] != split["label"]).sum() > 3
    one_class = split.assign(label=split["label"].mask(half, "platelet"))
    written = []
    for number, table in enumerate((split, changed, one_class)):
        folder = tmp_path / str(number)
        folder.mkdir()
        labels = table.set_index("image_id")["label"]
        index = image_set.index.assign(label=image_set.index["image_id"].map(labels))
        index.to_parquet(folder / "images.parquet")
        with ImageSet(image_set.path, folder / "images.parquet") as images:
            rows = write(model[1], images, table, folder, poses=True, zooms=(0.9, 1.0), own_statistics=True)
            assert (rows["part"] == "train").sum() == (split["part"].isin(["train", "unlabelled"])).sum()
            spec = ModelSpec(method="naive_bayes", settings=small_settings("classify", "naive_bayes"))
            config = ModelConfig(spec, 16, CLASSES)
            outputs = {name: folder / f"{name}.file" for name in ("weights", "training")}
            fit_model(config, rows, {"real": images}, job(folder), **outputs)
        written.append([(folder / name).read_bytes() for name in (*FILES, "weights.file")])
    assert written[0] == written[1] == written[2]


def test_the_labels_are_taken_off_the_unlabelled_half_alone(laboratory: Any) -> None:
    split = laboratory[1]
    hidden = without_labels(split)
    half = split["part"] == "unlabelled"
    assert set(hidden.loc[half, "label"]) == {"unlabelled"}
    assert hidden[~half].equals(split[~half])


def test_without_a_confident_prediction_the_set_is_that_of_the_reference(
    model: Any, laboratory: Any, tmp_path: Path
) -> None:
    image_set, split = laboratory
    table = write(model[1], image_set, split, tmp_path, 1.0)
    assert set(table.loc[table["part"] == "train", "source"]) == {"a"}
    assert json.loads((tmp_path / "accepted.json").read_text())["accepted"] == 0
    nothing = write(model[1], image_set, split.replace({"part": {"unlabelled": "test"}}), tmp_path)
    assert len(nothing) == len(split)


def test_a_set_behind_which_a_test_image_was_seen_is_refused(model: Any, laboratory: Any, tmp_path: Path) -> None:
    image_set, split = laboratory
    leak = without_labels(split[split["part"].isin(["unlabelled", "test"])]).assign(protocol="across-a")
    with pytest.raises(InputError, match=r"with labels predicted by plain, seed 1 .* leaked .* seen by normalizer s"):
        write(model[1], image_set, split, tmp_path, seen=[SeenImages("normalizer", "stain", leak)])
    assert not (tmp_path / FILES[0]).exists()


def test_a_test_image_that_got_a_label_is_refused(
    model: Any, laboratory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_set, split = laboratory
    tested = split.loc[(split["source"] == "b") & (split["part"] == "test"), ["image_id", "source"]].head(1)
    chosen = tested.assign(predicted="monocyte", confidence=0.99)
    monkeypatch.setattr(module, "_predictions", lambda *arguments: chosen)
    with pytest.raises(InputError, match=rf"leaked \(\d+\): {chosen['image_id'].item()} itself was seen by whoever"):
        write(model[1], image_set, split, tmp_path)
    assert not (tmp_path / FILES[0]).exists()


def test_a_copy_of_a_test_image_in_the_unlabelled_half_is_refused(model: Any, laboratory: Any, tmp_path: Path) -> None:
    image_set, split = laboratory
    half = split.index[split["part"] == "unlabelled"]
    tested = split.index[(split["source"] == "b") & (split["part"] == "test")]
    split = split.copy()
    split.loc[half[0], "group_id"] = split.loc[tested[0], "group_id"]
    with pytest.raises(InputError, match="leaked"):
        write(model[1], image_set, split, tmp_path)
