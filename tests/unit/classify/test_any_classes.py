"""A model of classes and sources of any names: training, evaluation, model file, card and prediction."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.archives import write_folder
from helpers.cell_sizes import sizes_around
from helpers.model_folders import (
    BAYES,
    EACH,
    Laboratories,
    ModelFolder,
    build_model_folder,
    predict,
    predict_error,
    runtime,
)
from helpers.photographs import LIMITS
from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.evaluate_model import EvaluationData, evaluate_model
from hemabalance.classify.model_file import Deployment, TrainingOrigin, read_model_file, stain_of
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.predict import COLUMNS
from hemabalance.classify.predict_balanced import PredictionFiles, predict_balanced
from hemabalance.classify.predictions import classes_of, probabilities_of, read_predictions
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.tables import write_table
from hemabalance.errors import InputError

LABELS = (("basophil", "violet"), ("neutrophil", "lobed"), ("platelet", "crumb"), ("lymphocyte", "round_one"))
CLASSES = ("crumb", "lobed", "round_one", "violet")
LABORATORIES = Laboratories(a="north", b="west_wing", labels=LABELS, more=("attic",))
MODEL = replace(BAYES, classes=CLASSES)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model of four classes; images of `west_wing`, and of `attic` without labels, are normalised to `north`."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return build_model_folder(folder, MODEL, direction="to_a", rendered=False, laboratories=LABORATORIES)


def test_the_model_file_says_its_classes_and_sources(model: ModelFolder) -> None:
    content = read_model_file(model.folder).content
    assert content.classes == CLASSES == open_classifier(model.weights, runtime()).classes
    assert set(content.frame.fields) == set(content.data) == {"north", "west_wing", "attic"}
    assert content.stain is not None
    assert content.stain.reference == "north"
    files = {source: entry.weights for source, entry in content.stain.sources.items()}
    assert files == {source: f"normalizer/{source}.safetensors" for source in ("west_wing", "attic")}
    n = EACH["train"] * len(CLASSES)
    assert {name: part.images for name, part in content.data.items()} == {"north": n, "west_wing": n, "attic": 0}


def test_the_evaluation_is_of_the_models_classes(model: ModelFolder) -> None:
    table = read_predictions(model.folder / "predictions.parquet")
    assert classes_of(table) == CLASSES
    measured = json.loads((model.folder / "metrics.json").read_text())
    assert measured["confusion"]["classes"] == [row["label"] for row in measured["classes"]] == list(CLASSES)
    assert [row["source"] for row in measured["sources"]] == ["north", "west_wing"]
    assert measured["metrics"]["accuracy"]["value"] > 1.5 / len(CLASSES)


def test_the_card_says_that_no_licence_is_given(model: ModelFolder) -> None:
    text = (model.folder / "README.md").read_text()
    assert f"- `north`: {EACH['train'] * len(CLASSES)} training images. no licence given.\n" in text
    assert "4 classes" in text
    assert "one of crumb, lobed, round_one, violet" in text
    assert "2 laboratories" in text


def test_photographs_get_the_predictions_of_the_evaluation(model: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photographs", model.photographs_of("west_wing"))
    code, table = predict(model, folder, normalize_from="west_wing")
    expected = read_predictions(model.folder / "predictions.parquet").query("source == 'west_wing'")
    assert code == 0
    assert list(table.columns) == [*COLUMNS, "p_crumb", "p_lobed", "p_round_one", "p_violet"]
    assert table["predicted"].tolist() == expected["predicted"].tolist()
    np.testing.assert_allclose(probabilities_of(table), probabilities_of(expected), atol=1e-6)
    _, other_share = predict(model, folder, normalize_from="attic")
    assert not np.allclose(probabilities_of(table), probabilities_of(other_share), atol=1e-3)


def test_each_source_is_normalised_by_its_own_weights(
    model: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "photographs", dict(list(model.photographs.items())[:1]))
    weights = model.folder / "normalizer" / "attic.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    try:
        message = predict_error(model, folder, "--normalize-from", "attic", capsys=capsys)
        assert "normalizer/attic.safetensors: is missing" in message
        assert predict(model, folder, normalize_from="west_wing")[0] == 0
    finally:
        weights.write_bytes(content)


@pytest.mark.parametrize("option", ["--source", "--normalize-from"])
def test_a_source_of_another_model_is_refused_with_the_models_own(
    model: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    folder = write_folder(tmp_path / "photographs", dict(list(model.photographs.items())[:1]))
    message = predict_error(model, folder, option, "mendeley", capsys=capsys)
    assert "was not trained on images of mendeley" in message
    assert f"Give {option} one of the model's sources: north, west_wing, attic" in message
    assert "original stain" in predict_error(model, folder, "--normalize-from", "north", capsys=capsys)


def test_a_model_of_other_classes_than_the_run_is_not_evaluated(model: ModelFolder, tmp_path: Path) -> None:
    rows = read_balanced(model.folder / "images.parquet")
    files = PredictionFiles(*(tmp_path / name for name in ("p", "c", "d")))
    with (
        ImageSet(model.folder / "real.zip", model.folder / "real_images.parquet") as images,
        pytest.raises(
            InputError, match="has the classes crumb, lobed, round_one, violet, but this run has crumb, lobed"
        ),
    ):
        predict_balanced(
            model.weights, rows, {"real": images}, runtime(), files, classes=CLASSES[:2], quantile=0.9, threads=1
        )
    assert list(tmp_path.iterdir()) == []


def test_per_class_normalises_from_the_reference_too(tmp_path: Path) -> None:
    laboratories = replace(LABORATORIES, more=())
    model = build_model_folder(tmp_path / "model", MODEL, direction="per_class", laboratories=laboratories)
    folder = write_folder(tmp_path / "photographs", model.photographs_of("north"))
    tables: dict[str, pd.DataFrame] = {}
    for source in ("north", "west_wing"):
        code, tables[source] = predict(model, folder, normalize_from=source, source="north")
        assert code == 0
    assert not np.allclose(*(probabilities_of(table) for table in tables.values()), atol=1e-3)


def test_the_evaluation_of_a_run_writes_the_agreement_of_each_source(model: ModelFolder, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("weights.safetensors", "training.json"):
        shutil.copy(model.folder / name, folder / name)
    rows = read_balanced(model.folder / "images.parquet").query("source == 'west_wing'")
    manifest = rows[["image_id", "label"]].assign(status="kept", label_raw="as found", expert_1=rows["label"])
    write_table(manifest.reset_index(drop=True), tmp_path / "west_wing.parquet")
    stain = {"direction": "none", "classes": None, "reference": "north", "weights": {}, "model": folder / "model.json"}
    deployment = Deployment(
        origin=TrainingOrigin("tiny", "plain", "leak_free", 1),
        frame=LABORATORIES.frame,
        limits=LIMITS,
        stain=stain_of("as is", "none", {}, **stain),
        sources={},
        grouped=["north"],
        rendered=False,
    )
    split = read_balanced(model.folder / "images.parquet")[["image_id", "source", "label", "group_id", "part"]]
    with ImageSet(model.folder / "real.zip", model.folder / "real_images.parquet") as images:
        data = EvaluationData(
            balanced=model.folder / "images.parquet",
            sets={"real": images},
            classes=CLASSES,
            experts={"west_wing": 1},
            manifests={"west_wing": tmp_path / "west_wing.parquet"},
            inventories={},
            sizes={source: sizes_around(0.2) for source in LABORATORIES.frame.fields},
            originals=dict.fromkeys(("north", "west_wing"), images),
            split=split,
        )
        evaluate_model(folder, deployment, data, runtime(), quantile=0.9, resample_seed=1, threads=1)
    agreement = json.loads((folder / "expert_agreement.json").read_text())
    assert list(agreement) == ["west_wing"]
    of_expert = next(row for row in agreement["west_wing"] if row["images"] == "test")
    assert (of_expert["of"], of_expert["n"], of_expert["agree"]) == ("expert_1", *[EACH["test"] * len(CLASSES)] * 2)
    content = read_model_file(folder).content
    assert content.stain is None
    assert {name: part.images for name, part in content.colours.items()} == dict.fromkeys(
        ("north", "west_wing"), EACH["train"] * len(CLASSES)
    )
    assert [name for name, part in content.data.items() if part.grouped] == ["north"]
    card = (folder / "README.md").read_text()
    assert "The images of `west_wing` do not identify patients" in card
    assert read_predictions(folder / "predictions.parquet").equals(
        read_predictions(model.folder / "predictions.parquet")
    )
