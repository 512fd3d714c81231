"""The model file and the model card: their content, and which files are refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from helpers.model_folders import BAYES, EACH, FRAME, LABELS, SIZE, ModelFolder, build_model_folder
from helpers.photographs import LIMITS, SOURCE_ENTRY
from helpers.thesis import CLASSES
from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.card import render_card
from hemabalance.classify.card_metadata import metadata
from hemabalance.classify.model_file import MODEL, read_model_file, stain_of
from hemabalance.classify.model_schema import FORMAT, READABLE, RENDERED, RESEARCH, ModelFile
from hemabalance.cli import main
from hemabalance.errors import InputError
from hemabalance.files import sha256_file


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model whose files describe its images as photographs."""
    return build_model_folder(tmp_path_factory.mktemp("models") / "model", BAYES, direction="per_class", rendered=False)


@pytest.fixture
def copy(model: ModelFolder, tmp_path: Path) -> Path:
    """A copy of a model folder that a test may damage."""
    names = (MODEL, "weights.safetensors", "out_of_distribution.safetensors")
    (tmp_path / "model").mkdir()
    for name in names:
        shutil.copy(model.folder / name, tmp_path / "model" / name)
    return tmp_path / "model"


def change(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads((folder / MODEL).read_text())
    edit(document)
    (folder / MODEL).write_text(json.dumps(document))


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_model_file(path)
    return caught.value


def test_a_model_file_holds_what_prediction_needs(model: ModelFolder) -> None:
    opened = read_model_file(model.folder)
    content = opened.content
    assert (content.format, content.classes, content.size) == (FORMAT, CLASSES, SIZE)
    assert content.frame == FRAME
    assert opened.archive_limits() == LIMITS
    assert (content.experiment, content.recipe, content.protocol, content.seed) == ("tiny", "plain", "leak_free", 1)
    assert content.method == "naive_bayes"
    calibration = json.loads((model.folder / "calibration.json").read_text())
    assert content.temperature == calibration["temperature"]
    files = {
        "weights": "weights.safetensors",
        "out_of_distribution": "out_of_distribution.safetensors",
        "balanced": "images.parquet",
    }
    assert content.sha256.model_dump() == {name: sha256_file(model.folder / file) for name, file in files.items()}
    measured = json.loads((model.folder / "metrics.json").read_text())["metrics"]
    assert {name: metric.model_dump() for name, metric in content.metrics.items()} == measured
    for source in FRAME.fields:
        assert content.data[source].images == len(LABELS) * EACH["train"]
        assert (content.data[source].licence, content.data[source].citation) == (
            SOURCE_ENTRY.licence,
            SOURCE_ENTRY.citation,
        )
    assert content.notes == (RESEARCH,)
    assert content.usual == "mendeley"


def test_the_usual_source_is_that_of_most_training_images(model: ModelFolder) -> None:
    document = json.loads(model.model.read_text())
    document["data"]["tcia"]["images"] += 1
    assert ModelFile.model_validate(document).usual == "tcia"


def test_a_normaliser_that_changes_nothing_is_not_named(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    stain: Any = {"classes": None, "reference": "mendeley", "model": tmp_path / MODEL}
    assert stain_of("as is", "none", {}, direction="none", **stain, weights={"tcia": weights}) is None
    assert stain_of("lone", "reinhard", {}, direction="to_a", **stain, weights={}) is None


def test_a_model_is_found_by_folder_file_or_weights(model: ModelFolder) -> None:
    by_folder = read_model_file(model.folder)
    assert by_folder.path == model.model
    assert read_model_file(model.model) == by_folder
    assert read_model_file(model.weights) == by_folder


def test_the_same_model_gives_the_same_file(model: ModelFolder, tmp_path: Path) -> None:
    rebuilt = build_model_folder(tmp_path / "model", BAYES, direction="per_class", rendered=False)
    for name in (MODEL, "out_of_distribution.safetensors"):
        assert (rebuilt.folder / name).read_bytes() == (model.folder / name).read_bytes()


@pytest.mark.parametrize("other", [min(READABLE) - 1, FORMAT + 1])
def test_another_format_is_refused_with_the_version_that_wrote_it(copy: Path, other: int) -> None:
    change(copy, lambda document: document.update(format=other, hemabalance="9.1", surprise=3))
    error = refusal(copy)
    assert error.problem == f"has format {other}, written by hemabalance 9.1; this version reads formats 2 and 3"
    assert "version of hemabalance" in error.remedy


@pytest.mark.parametrize("name", ["weights.safetensors", "out_of_distribution.safetensors"])
def test_missing_or_changed_files_beside_it_are_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-1] ^= 1
    (copy / name).write_bytes(content)
    assert "sha256 differs" in refusal(copy).problem
    (copy / name).unlink()
    assert refusal(copy).where == str(copy / name)
    assert "is missing" in refusal(copy).problem


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda document: document.pop("temperature"), "key temperature"),
        (lambda document: document.update(temperature=0), "key temperature"),
        (lambda document: document["frame"].update(fit="squash"), "key frame.fit"),
        (lambda document: document.update(size="large"), "key size"),
        (lambda document: document.update(surprise=1), "key surprise"),
        (lambda document: document["stain"]["sources"]["tcia"].pop("weights"), "key stain.sources.tcia.weights"),
        (lambda document: document.update(classes=[]), "key classes"),
    ],
)
def test_a_damaged_model_file_is_refused_by_the_key(copy: Path, edit: Callable[[Any], Any], word: str) -> None:
    change(copy, edit)
    assert word in refusal(copy).problem


@pytest.mark.parametrize(
    ("text", "word"), [("{", "JSON"), ("[1]", "no model file"), ('{"n": 3}', "no model file"), ("\xff", "JSON")]
)
def test_other_files_are_refused(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / MODEL).write_bytes(text.encode("latin-1"))
    assert word in refusal(tmp_path).problem
    assert MODEL in refusal(tmp_path).remedy


def test_no_model_file_is_refused_with_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not exist" in refusal(tmp_path).problem
    assert main(["predict", str(tmp_path), str(tmp_path)]) == 1
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("edited", [{"size": SIZE // 2}, {"classes": [*CLASSES[:-1], "blast"]}])
def test_the_weights_of_another_model_are_refused(
    copy: Path, model: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], edited: dict[str, Any]
) -> None:
    change(copy, lambda document: document.update(edited))
    name, data = next(iter(model.photographs.items()))
    (tmp_path / name).write_bytes(data)
    assert main(["predict", str(copy), str(tmp_path / name)]) == 1
    assert "does not belong to the weights beside it" in capsys.readouterr().err


def test_the_card_gives_numbers_with_intervals_and_n(model: ModelFolder) -> None:
    text = (model.folder / "README.md").read_text()
    measured = json.loads((model.folder / "metrics.json").read_text())
    metric = measured["metrics"]["accuracy"]
    row = f"| accuracy | {metric['value']:.3f} ({metric['low']:.3f} to {metric['high']:.3f}) | {measured['n']} |"
    assert row in text
    platelets = next(row for row in measured["classes"] if row["label"] == "platelet")
    assert f"| platelet | {platelets['n']} | {platelets['sensitivity']['value']:.3f} (" in text
    assert f"| monoblast | 0 |{' not estimable |' * 6}" in text
    assert f"| basophil |{' 26 | 20 | 6 |' * 2}" in text
    assert f"| all |{' 78 | 60 | 18 |' * 2}" in text
    assert text.split("---\n", 2)[2].count(SOURCE_ENTRY.licence) == 2
    assert SOURCE_ENTRY.citation in text
    for word in (
        "no training saw a test image",
        RESEARCH,
        "monoblast (0)",
        "2 laboratories",
        "do not identify patients",
        "**Stain and class.**",
    ):
        assert word in text
    lines = text.splitlines()
    tables = [k for k, line in enumerate(lines) if line.startswith("| ---")]
    assert len(tables) == 4
    for k in tables:
        assert lines[k - 1].count("|") == lines[k].count("|") == lines[k + 1].count("|")


def test_the_card_has_metadata_for_the_hub(model: ModelFolder) -> None:
    before, head, _ = (model.folder / "README.md").read_text().split("---\n", 2)
    found = yaml.safe_load(head)
    assert before == ""
    assert (found["license"], found["license_name"]) == ("other", "cc0")
    assert found["datasets"] == [SOURCE_ENTRY.doi] * 2
    assert found["metrics"] == ["accuracy", "balanced_accuracy", "f1", "roc_auc"]
    assert {"blood-cells", "naive_bayes"} <= set(found["tags"])
    (index,) = found["model-index"]
    content = read_model_file(model.folder).content
    scores = {score["name"]: score["value"] for score in index["results"][0]["metrics"]}
    assert index["name"] == "tiny"
    assert scores["accuracy"] == pytest.approx(content.metrics["accuracy"].value, abs=1e-4)
    licences = ("CC BY 4.0", "CC BY 3.0")
    data = {
        name: part.model_copy(update={"licence": licence})
        for (name, part), licence in zip(content.data.items(), licences, strict=True)
    }
    several = metadata(content.model_copy(update={"data": data}))
    assert yaml.safe_load(several.strip("-\n"))["license"] == ["cc-by-4.0", "cc-by-3.0"]


def test_the_card_of_rendered_cells_claims_nothing_about_blood(model: ModelFolder) -> None:
    content = read_model_file(model.folder).content
    rendered = content.model_copy(update={"notes": (RESEARCH, RENDERED), "stain": None})
    measured, summary = (json.loads((model.folder / f"{name}.json").read_text()) for name in ("metrics", "training"))
    text = render_card(rendered, measured, summary, read_balanced(model.folder / "images.parquet"))
    assert RENDERED in text
    assert "laboratories" not in text
    assert "Stain and class" not in text
    assert "without stain normalisation" in text


def test_synthetic_images_are_counted_separately(model: ModelFolder) -> None:
    content = read_model_file(model.folder).content
    measured, summary = (json.loads((model.folder / f"{name}.json").read_text()) for name in ("metrics", "training"))
    rows = read_balanced(model.folder / "images.parquet")
    synthetic = rows.head(7).assign(label="monoblast", source="synthetic", origin="synthetic", part="train")
    text = render_card(content, measured, summary, pd.concat([rows, synthetic], ignore_index=True))
    assert "tcia, test | synthetic, train |" in text
    assert f"| monoblast |{' 0 |' * 6} 7 |" in text
