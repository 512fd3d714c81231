"""`hemabalance predict`: the same predictions as in the evaluation, with the frame and stain of training."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.archives import write_folder
from helpers.image_files import encode
from helpers.model_folders import (
    BAYES,
    EACH,
    LABELS,
    SHAPE,
    SIZE,
    SQUARE,
    ModelFolder,
    build_model_folder,
    predict,
    predict_error,
    runtime,
    square,
)
from helpers.thesis import CLASSES
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.predict import COLUMNS
from hemabalance.classify.predictions import probabilities_of, probability_columns
from hemabalance.cli import main
from hemabalance.dataset.working_size import reduced
from hemabalance.metrics.calibration import tempered
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec

PROBABILITIES = probability_columns(CLASSES)


@pytest.fixture(scope="module")
def normalised_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model of images that are all normalised to the stain of mendeley."""
    return build_model_folder(tmp_path_factory.mktemp("models") / "normalised_model", BAYES, direction="to_a")


@pytest.mark.parametrize("source", ["mendeley", "tcia"])
def test_photographs_get_the_predictions_of_the_evaluation(network: ModelFolder, tmp_path: Path, source: str) -> None:
    folder = write_folder(tmp_path / "photographs", network.photographs_of(source))
    code, table = predict(network, folder, source=source)
    expected = pd.read_parquet(network.folder / "predictions.parquet")
    expected = expected[expected["source"] == source].reset_index(drop=True)
    assert code == 0
    assert list(table.columns) == [*COLUMNS, *PROBABILITIES]
    assert len(table) == len(LABELS) * EACH["test"]
    assert table["path"].tolist() == [str(folder / name) for name in sorted(network.photographs_of(source))]
    assert table["predicted"].tolist() == expected["predicted"].tolist()
    assert table["confidence"].dtype == np.float32
    np.testing.assert_allclose(probabilities_of(table), probabilities_of(expected), atol=1e-6)
    np.testing.assert_allclose(table["confidence"], expected["confidence"], atol=1e-6)
    assert (table["error"] == "").all()


def test_confidences_are_the_models_at_its_temperature(network: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, network.photographs_of("tcia"))
    _, table = predict(network, folder, source="tcia")
    model = open_classifier(network.weights, runtime())
    pixels = np.stack([square(data, 1.0) for _, data in sorted(network.photographs_of("tcia").items())])
    logits = model.logits(reduced(pixels, SIZE, where="test"))
    temperature = json.loads((network.folder / "calibration.json").read_text())["temperature"]
    np.testing.assert_allclose(probabilities_of(table), tempered(logits, temperature), atol=1e-6)
    assert table["predicted"].tolist() == [model.classes[place] for place in logits.argmax(1)]
    assert abs(temperature - 1) > 0.01


def test_the_model_beats_chance_and_flags_few_test_images(network: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, network.photographs_of("mendeley"))
    _, table = predict(network, folder)
    truth = [network.labels[Path(path).name] for path in table["path"]]
    assert (table["predicted"] == truth).mean() > 0.6
    assert (table["flag"] == "out_of_distribution").mean() < 0.2


def test_the_default_frame_is_that_of_the_usual_source(network: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, network.photographs_of("mendeley"))
    _, usual = predict(network, folder)
    _, expected = predict(network, folder, source="mendeley")
    _, other = predict(network, folder, source="tcia")
    _, share = predict(network, folder, field=1.0)
    pd.testing.assert_frame_equal(usual, expected)
    pd.testing.assert_frame_equal(other, share)
    assert not np.allclose(probabilities_of(usual), probabilities_of(other))


def test_the_same_images_give_the_same_bytes_on_any_number_of_threads(network: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photographs", network.photographs)
    written = []
    for threads in (1, 1, 3):
        out = tmp_path / f"{len(written)}.csv"
        assert main(["predict", str(network.model), str(folder), "--out", str(out), "--threads", str(threads)]) == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
    first, last = (pd.read_csv(io.BytesIO(text)) for text in (written[0], written[2]))
    assert first["predicted"].equals(last["predicted"])
    np.testing.assert_allclose(first[PROBABILITIES], last[PROBABILITIES], atol=1e-5)


def test_photographs_are_normalised_on_request(normalised_model: ModelFolder, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photographs", normalised_model.photographs_of("tcia"))
    code, table = predict(normalised_model, folder, normalize_from="tcia")
    expected = pd.read_parquet(normalised_model.folder / "predictions.parquet")
    expected = expected[expected["source"] == "tcia"]
    assert code == 0
    assert table["predicted"].tolist() == expected["predicted"].tolist()
    np.testing.assert_allclose(probabilities_of(table), probabilities_of(expected), atol=1e-6)
    _, raw = predict(normalised_model, folder, source="tcia", no_normalize=True)
    assert not np.allclose(probabilities_of(raw), probabilities_of(table), atol=1e-3)


def test_a_blank_image_is_flagged_as_not_normalised(normalised_model: ModelFolder, tmp_path: Path) -> None:
    blank = encode(np.full((*SHAPE, 3), (250, 240, 200), np.uint8), "PNG")
    _, table = predict(normalised_model, write_folder(tmp_path, {"blank.png": blank}), normalize_from="tcia")
    assert table["flag"].tolist() == ["not_normalised;stain_mismatch;out_of_distribution"]


def test_normalising_is_refused_if_training_did_not(
    network: ModelFolder, normalised_model: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path, dict(list(normalised_model.photographs.items())[:1]))
    for model, source in ((normalised_model, "mendeley"), (network, "tcia")):
        message = predict_error(model, folder, "--normalize-from", source, capsys=capsys)
        assert f"images of {source} in their original stain" in message
        assert "Omit --normalize-from" in message


def test_a_missing_or_changed_normaliser_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build_model_folder(tmp_path / "model", BAYES, direction="per_class")
    folder = write_folder(tmp_path / "photographs", dict(list(model.photographs.items())[:1]))
    weights = model.folder / "normalizer" / "tcia.safetensors"
    stain = read_model_file(model.folder).content.stain
    assert stain is not None
    assert stain.reference == "mendeley"
    assert {source: entry.weights for source, entry in stain.sources.items()} == {"tcia": "normalizer/tcia.safetensors"}
    spec = NormalizerSpec.from_plain({"method": stain.method, "settings": stain.settings})
    open_normalizer(spec, weights, size=SQUARE, runtime=runtime())
    assert main(["predict", str(model.folder), str(folder), "--normalize-from", "tcia"]) == 0
    capsys.readouterr()
    weights.write_bytes(weights.read_bytes() + b" ")
    assert "sha256 differs" in predict_error(model, folder, "--normalize-from", "tcia", capsys=capsys)
    weights.unlink()
    assert "is missing" in predict_error(model, folder, "--normalize-from", "tcia", capsys=capsys)


def test_help_does_not_load_pytorch() -> None:
    script = (
        "import sys\nfrom hemabalance.cli import main\n"
        "try:\n    main(['predict', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "IMAGE_OR_FOLDER_OR_ZIP" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["--threads", "0"],
        ["--field", "1.5"],
        ["--field", "1", "--source", "tcia"],
        ["--no-normalize", "--normalize-from", "tcia"],
    ],
)
def test_invalid_options_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["predict", "model", "image", *words])
    assert caught.value.code == 2
