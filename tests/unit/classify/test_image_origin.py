"""The source that a photograph is taken for by its colours, and what follows: normalisation, frame and flags."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.archives import write_folder
from helpers.model_folders import BAYES, ModelFolder, build_model_folder, predict
from hemabalance import Classifier, InputError
from hemabalance.classify.image_origin import Origins, mapped_sources
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.model_schema import Frame
from hemabalance.classify.predictions import probabilities_of
from hemabalance.classify.source_colours import (
    MAX_IMAGES,
    MIN_IMAGES,
    colour_distances,
    colour_numbers,
    fit_source_colours,
    training_colours,
)
from hemabalance.cli import main

FRAME = Frame(size=24, fit="crop", fields={"a": 1.0, "b": 0.5}, max_pixels=10_000, min_side=24)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model of images that are all normalised to the stain of mendeley."""
    return build_model_folder(tmp_path_factory.mktemp("models") / "model", BAYES, direction="to_a")


@pytest.fixture(scope="module")
def photographs(model: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with test images of both laboratories."""
    return write_folder(tmp_path_factory.mktemp("images"), model.photographs)


def changed(model: ModelFolder, folder: Path, edit: Callable[[dict[str, Any]], Any]) -> ModelFolder:
    """A copy of a model with another model.json."""
    shutil.copytree(model.folder, folder)
    document = json.loads(model.model.read_text())
    edit(document)
    (folder / model.model.name).write_text(json.dumps(document))
    return replace(model, folder=folder)


def source_of(table: pd.DataFrame) -> pd.Series:
    """The laboratory of each image, by its file's name."""
    return table["path"].map(lambda path: Path(path).name.split("_")[0])


def is_flagged(table: pd.DataFrame) -> pd.Series:
    return table["flag"].str.split(";").map(lambda flags: "stain_mismatch" in flags)


def test_images_are_normalised_by_the_source_that_each_is_nearest_to(
    model: ModelFolder, photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    code, table = predict(model, photographs)
    assert code == 0
    right = table["taken_for"] == source_of(table)
    assert right.mean() > 0.9
    expected = pd.read_parquet(model.folder / "predictions.parquet")
    np.testing.assert_allclose(probabilities_of(table[right]), probabilities_of(expected[right.to_numpy()]), atol=1e-6)
    assert is_flagged(table).mean() < 0.2
    counts = table["taken_for"].value_counts()
    assert f"tcia: {counts['tcia']} (normalised to the stain of mendeley by reinhard, the central 100 %" in caplog.text
    assert f"mendeley: {counts['mendeley']} (used in their own stain, the central 80 %" in caplog.text
    assert "each by its colours, images are taken for" in caplog.text


def test_a_copied_folder_predicts_the_same_with_its_normaliser(
    model: ModelFolder, photographs: Path, tmp_path: Path
) -> None:
    _, expected = predict(model, photographs)
    hidden = model.folder.with_name("hidden")
    shutil.copytree(model.folder, tmp_path / "elsewhere" / "copy")
    model.folder.rename(hidden)
    try:
        _, table = predict(replace(model, folder=tmp_path / "elsewhere" / "copy"), photographs)
    finally:
        hidden.rename(model.folder)
    pd.testing.assert_frame_equal(table, expected)
    assert (table["taken_for"] == "tcia").any()
    pd.testing.assert_frame_equal(Classifier.load(tmp_path / "elsewhere" / "copy").predict(photographs), expected)


def test_without_normalisation_the_second_laboratory_is_flagged(
    model: ModelFolder, photographs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, normalised = predict(model, photographs)
    caplog.clear()
    _, table = predict(model, photographs, no_normalize=True)
    assert table["taken_for"].equals(normalised["taken_for"])
    assert is_flagged(table)[table["taken_for"] == "tcia"].all()
    mendeley = (table["taken_for"] == "mendeley").to_numpy()
    assert table["flag"][mendeley].equals(normalised["flag"][mendeley])
    assert not np.allclose(probabilities_of(table[~mendeley]), probabilities_of(normalised[~mendeley]), atol=1e-3)
    assert "NOT normalised, unlike the images of training" in caplog.text
    pd.testing.assert_frame_equal(Classifier.load(model.folder, normalize=False).predict(photographs), table)
    with pytest.raises(InputError, match="beside normalize=False"):
        Classifier.load(model.folder, normalize=False, normalize_from="tcia")


def test_a_laboratory_that_an_untouched_model_has_not_seen_is_flagged(
    network: ModelFolder, photographs: Path, tmp_path: Path
) -> None:
    model = changed(network, tmp_path / "model", lambda document: document["colours"].pop("tcia"))
    _, table = predict(model, photographs)
    assert (table["taken_for"] == "mendeley").all()
    flagged = is_flagged(table).groupby(source_of(table)).mean()
    assert flagged["mendeley"] < 0.2
    assert flagged["tcia"] > 0.9
    assert (is_flagged(table) == (table["colour_distance"] > 1)).all()


def test_a_model_of_an_earlier_version_is_read_and_says_what_it_lacks(
    model: ModelFolder, photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def as_before(document: dict[str, Any]) -> None:
        document.update(format=2)
        document.pop("colours")

    earlier = changed(model, tmp_path / "model", as_before)
    _, table = predict(earlier, photographs)
    assert table[["taken_for", "colour_distance"]].isna().all(axis=None)
    assert "images are not normalised, although those of tcia were in training; see --normalize-from" in caplog.text
    _, all_tcia = predict(earlier, photographs, normalize_from="tcia")
    _, same = predict(model, photographs, normalize_from="tcia")
    np.testing.assert_array_equal(probabilities_of(all_tcia), probabilities_of(same))
    assert (all_tcia["taken_for"] == "tcia").all()


def test_json_has_one_object_a_line(
    model: ModelFolder, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "torn.png").write_bytes(b"torn")
    _, table = predict(model, photographs)
    capsys.readouterr()
    words = ["predict", model.folder, photographs, tmp_path / "torn.png", "--json", "--threads", "1"]
    assert main([str(word) for word in words]) == 1
    *rows, torn = map(json.loads, capsys.readouterr().out.splitlines())
    for name in ("path", "predicted", "taken_for"):
        assert [row[name] for row in rows] == table[name].tolist()
    assert [";".join(row["flag"]) for row in rows] == table["flag"].tolist()
    np.testing.assert_allclose([list(row["probabilities"].values()) for row in rows], probabilities_of(table))
    assert list(rows[0]["probabilities"]) == list(Classifier.load(model.folder).classes_)
    assert torn == {
        **dict.fromkeys(("predicted", "confidence", "taken_for", "colour_distance", "probabilities")),
        **{"path": str(tmp_path / "torn.png"), "flag": [], "error": "not a JPEG, PNG, TIFF, BMP or WebP file"},
    }


def test_the_class_of_an_image_to_distrust_is_in_brackets(
    model: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 60, 3), np.uint8)
    table = Classifier.load(model.folder).predict(noise)
    assert "out_of_distribution" in table["flag"].iloc[0]
    Image.fromarray(noise).save(tmp_path / "noise.png")
    assert main(["predict", str(model.folder), str(tmp_path / "noise.png")]) == 0
    assert f"  [{table['predicted'].iloc[0]}]  " in capsys.readouterr().out


def images_around(colour: tuple[int, int, int], number: int, seed: int) -> np.ndarray:
    """Images of noise around colours that vary a little."""
    rng = np.random.default_rng(seed)
    base = np.array(colour) + rng.normal(scale=4, size=(number, 1, 1, 3))
    images: np.ndarray = np.clip(base + rng.normal(scale=12, size=(number, 24, 24, 3)), 0, 255).astype(np.uint8)
    return images


def numbers_of(images: np.ndarray) -> np.ndarray:
    return np.stack([colour_numbers(image) for image in images])


def test_the_limit_holds_for_new_images_of_a_source_and_not_for_another_colour() -> None:
    colours = fit_source_colours(numbers_of(images_around((200, 150, 180), 300, seed=1)))
    same, other = (numbers_of(images_around(colour, 200, seed=2)) for colour in ((200, 150, 180), (170, 140, 190)))
    assert colours.images == 300
    assert (colour_distances(same, colours) > 1).mean() < 0.05
    assert (colour_distances(other, colours) > 1).mean() > 0.95
    grey = colour_numbers(np.full((24, 24, 3), 128, np.uint8))
    np.testing.assert_allclose(grey.reshape(3, 3)[:, 1:], 0, atol=0.1)  # percentiles by channel
    assert grey[0] == grey[3] == grey[6] == pytest.approx(53.6, abs=0.1)


def test_colours_are_those_of_images_that_trainings_may_see() -> None:
    class Images:
        """An image set of `images_around`, which records what is read."""

        def __init__(self, number: int) -> None:
            self.index = pd.DataFrame({"image_id": [f"{k:05}" for k in range(number)]})
            self.pixels = images_around((200, 150, 180), 7, seed=3)
            self.places: set[int] = set()

        def read(self, place: int) -> np.ndarray:
            self.places.add(place)
            return self.pixels[place % 7]

    few, many = Images(MIN_IMAGES - 1), Images(2 * MAX_IMAGES)
    tables = [
        images.index.assign(source=source, label="x", part="train") for source, images in (("few", few), ("many", many))
    ]
    tables[1].loc[:99, "part"] = "test"
    split = pd.concat(tables, ignore_index=True)
    sets: Any = {"few": few, "many": many}
    colours = training_colours(sets, split, "leak_free", ["few", "many"], threads=1)
    assert list(colours) == ["many"]
    assert colours["many"].images == len(many.places) == MAX_IMAGES
    assert min(many.places) == 100


def test_each_source_is_compared_in_its_own_frame() -> None:
    image = np.full((60, 60, 3), (200, 150, 180), np.uint8)
    image[15:45, 15:45] = (90, 60, 130)
    surround, centre = (
        fit_source_colours(numbers_of(images_around(c, 60, seed=4))) for c in (image[0, 0], image[30, 30])
    )
    origins = Origins({"a": 1.0, "b": 0.5}, {"a": surround, "b": centre})
    square = origins.square(image, FRAME)
    assert square.source == "b"
    np.testing.assert_allclose(square.pixels.mean((0, 1)), image[30, 30], atol=8)  # the centre, but for its edges
    assert origins.with_share(1.0).shares == {"a": 1.0, "b": 1.0}


def test_only_a_direction_that_ignores_classes_maps_new_images(model: ModelFolder) -> None:
    stain = read_model_file(model.folder).content.stain
    assert stain is not None
    directions = {name: stain.model_copy(update={"direction": name}) for name in ("to_a", "to_b", "per_class")}
    mapped = {name: set(mapped_sources(one)) for name, one in directions.items()}
    assert mapped == {"to_a": {"tcia"}, "to_b": {"mendeley"}, "per_class": set()}
    assert mapped_sources(None) == frozenset()
