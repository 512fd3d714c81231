"""`hemabalance.Classifier` predicts what `hemabalance predict` writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from helpers.archives import write_folder, write_zip
from helpers.model_folders import BAYES, ModelFolder, build_model_folder, predict
from hemabalance import Classifier, InputError
from hemabalance.classify.predict import BATCH
from hemabalance.classify.predictions import probabilities_of
from hemabalance.sources.decode import decode


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model of images that are all normalised to the stain of mendeley."""
    return build_model_folder(tmp_path_factory.mktemp("models") / "model", BAYES, direction="to_a")


@pytest.mark.parametrize("options", [{}, {"source": "tcia"}, {"normalize_from": "tcia"}, {"field": 0.9}])
def test_predictions_are_those_of_the_command(model: ModelFolder, tmp_path: Path, options: dict[str, object]) -> None:
    files = {**model.photographs_of("tcia"), "torn.png": b"\x89PNG\r\n\x1a\n"}
    folder = write_folder(tmp_path / "images", files)
    _, expected = predict(model, folder, **options)
    table = Classifier.load(model.folder, threads=1, **options).predict(folder)
    pd.testing.assert_frame_equal(table, expected)
    assert (table["error"] != "").sum() == 1


def test_arrays_files_and_zips_give_the_same_predictions(model: ModelFolder, tmp_path: Path) -> None:
    files = dict(sorted(model.photographs_of("mendeley").items())[:3])
    folder = write_folder(tmp_path / "images", files)
    arrays = [decode(data, max_pixels=10**6, min_side=8)[0] for data in files.values()]
    classifier = Classifier.load(model.model, threads=1)
    expected = classifier.predict(folder)
    for images in (arrays, np.stack(arrays), write_zip(tmp_path / "images.zip", files), [folder / n for n in files]):
        table = classifier.predict(images)
        pd.testing.assert_frame_equal(table.drop(columns="path"), expected.drop(columns="path"))
    mixed = classifier.predict([arrays[0], str(folder)])
    assert mixed["path"].tolist() == ["images[0]", *expected["path"]]
    pd.testing.assert_frame_equal(
        classifier.predict(arrays[0]).drop(columns="path"), expected.drop(columns="path").head(1)
    )


def test_the_similarity_of_the_nearest_training_images(model: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", {**model.photographs_of("tcia"), "torn.png": b"\x89PNG\r\n\x1a\n"})
    classifier = Classifier.load(model.folder, threads=1)
    table = classifier.predict(folder, nearest=2)
    similarities = table[["similarity_1", "similarity_2"]].to_numpy()
    pd.testing.assert_frame_equal(table.drop(columns=["similarity_1", "similarity_2"]), classifier.predict(folder))
    readable = (table["error"] == "").to_numpy()
    assert np.isnan(similarities[~readable]).all()
    assert ((similarities[readable] > 0) & (similarities[readable] <= 1)).all()
    assert (similarities[readable, 0] >= similarities[readable, 1]).all()
    with pytest.raises(InputError, match="nearest=-1: is under 0"):
        classifier.predict(folder, nearest=-1)


def test_several_batches_at_once_give_the_same_predictions(model: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", model.photographs_of("tcia"))
    many = [folder] * (BATCH // len(model.photographs_of("tcia")) + 1)
    expected = Classifier.load(model.folder, threads=1).predict(many)
    threads = torch.get_num_threads()
    try:
        table = Classifier.load(model.folder, threads=2).predict(many)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert len(table) > BATCH
    pd.testing.assert_frame_equal(table, expected, rtol=1e-5, atol=1e-6)


def test_it_is_an_estimator_of_scikit_learn(model: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", dict(list(model.photographs_of("tcia").items())[:2]))
    classifier = Classifier.load(model.folder, threads=1, source="mendeley")
    assert classifier.get_params()["source"] == "mendeley"
    table = classifier.predict(folder)
    np.testing.assert_array_equal(classifier.predict_proba(folder), probabilities_of(table))
    assert [f"p_{name}" for name in classifier.classes_] == list(table.columns[7:])
    other = clone(classifier).set_params(source="tcia")
    pd.testing.assert_frame_equal(other.predict(folder), Classifier.load(model.folder, source="tcia").predict(folder))
    assert not np.allclose(other.predict_proba(folder), classifier.predict_proba(folder))


def test_what_cannot_be_predicted_is_refused(model: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist.*Give the model.json of a trained classifier"):
        Classifier.load(tmp_path)
    with pytest.raises(InputError, match=r"not trained on images of lab. Give source one .*, or use field"):
        Classifier.load(model.folder, source="lab")
    with pytest.raises(InputError, match=r"in their original stain. Omit normalize_from"):
        Classifier.load(model.folder, normalize_from="mendeley")
    with pytest.raises(InputError, match=r"field auto: the model does not hold .* Give field with a number"):
        Classifier.load(model.folder, field="auto").predict(np.zeros((40, 40, 3), np.uint8))
    for field in (0, 1.5, "all"):
        with pytest.raises(InputError, match="is no share of the frame"):
            Classifier.load(model.folder, field=field)
    with pytest.raises(InputError, match="is given beside source"):
        Classifier.load(model.folder, field=0.5, source="tcia")
    classifier = Classifier.load(model.folder)
    with pytest.raises(InputError, match="there are none"):
        classifier.predict([])
    with pytest.raises(InputError, match=r"images\[1\]: is float32"):
        classifier.predict([np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.float32)])
    small = classifier.predict(np.zeros((10, 10, 3), np.uint8))
    assert small["error"].tolist() == ["10x10 pixels, the shorter side is under 24"]
