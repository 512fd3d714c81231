"""`hemabalance predict` without a model: the recommended experiment of the config in the working folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from helpers.archives import write_folder
from helpers.image_files import encode
from helpers.model_folders import BAYES, SHAPE, ModelFolder, build_model_folder, predict
from hemabalance.api.options import PredictionOptions
from hemabalance.api.predictor import open_predictor
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.predict import predict_mean
from hemabalance.classify.predictions import probabilities_of
from hemabalance.cli import main
from hemabalance.errors import InputError

BASE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text())


@pytest.fixture(scope="module")
def bayes(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    return build_model_folder(tmp_path_factory.mktemp("models") / "bayes", BAYES)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the config of the full run."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    write_config({})
    return tmp_path / "project"


def write_config(classify: Mapping[str, Any]) -> None:
    Path("config.yaml").write_text(yaml.safe_dump({**BASE, "classify": {**BASE["classify"], **classify}}))


def place(model: ModelFolder, experiment: str, run: str = "full", seed: int = 1) -> None:
    """Put a trained model where the workflow puts that of an experiment."""
    folder = Path("results", run, "leak_free", "classifiers", experiment, f"seed-{seed}")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(model.folder)


def table_of(*words: object) -> pd.DataFrame:
    assert main(["predict", *map(str, words), "--threads", "1", "--out", "out.parquet"]) == 0
    return pd.read_parquet("out.parquet")


def error_of(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["predict", *map(str, words)]) == 1
    return capsys.readouterr().err


def test_the_recommended_model_of_the_run_is_used(
    network: ModelFolder, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    place(network, BASE["classify"]["recommended"])
    folder = write_folder(here / "photographs", network.photographs)
    _, expected = predict(network, folder)
    pd.testing.assert_frame_equal(table_of(folder), expected)
    assert "recommended model: results/full/leak_free/classifiers/plain/seed-1" in caplog.text
    single = [folder / name for name in sorted(network.photographs)[:2]]
    pd.testing.assert_frame_equal(table_of(*single), expected.iloc[:2])  # the first image is no model
    assert len(table_of(folder, single[0])) == len(expected) + 1


def test_options_may_stand_between_model_and_images(network: ModelFolder, here: Path) -> None:
    folder = write_folder(here / "photographs", dict(list(network.photographs.items())[:2]))
    _, expected = predict(network, folder)
    pd.testing.assert_frame_equal(table_of(network.folder, "--device", "cpu", folder), expected)


def test_the_run_is_that_of_the_overlays(network: ModelFolder, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(here / "photographs", dict(list(network.photographs.items())[:2]))
    Path("more.yaml").write_text(
        "run: mine\nclassify: {experiments: {original: {seeds: [7, 8]}}, recommended: original}"
    )
    place(network, "original", run="mine", seed=7)
    assert len(table_of(folder, "--configfile", "more.yaml")) == 2
    capsys.readouterr()
    assert "results/full/leak_free/classifiers/plain/seed-1" in error_of(capsys, folder)


def test_what_to_do_without_a_trained_model(
    network: ModelFolder, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(here / "photographs", dict(list(network.photographs.items())[:1]))
    message = error_of(capsys, folder)
    assert "the recommended experiment plain has not been trained in this run" in message
    assert "Run `snakemake --cores 2 recommended` to the end, or give MODEL" in message
    Path("more.yaml").write_text("run: mine")
    message = error_of(capsys, folder, "--configfile", "more.yaml")
    assert "`snakemake --cores 2 recommended --configfile config.yaml more.yaml`" in message
    write_config({"recommended": None})
    message = error_of(capsys, folder)
    assert "recommends no experiment (classify.recommended)" in message
    write_config({"recommended": "nonsense"})
    assert "classify.recommended names 'nonsense', which is not in" in error_of(capsys, folder)
    Path("config.yaml").unlink()
    assert "Start the command in the folder of the project, or give MODEL" in error_of(capsys, folder)


def test_a_model_that_is_missing_or_incomplete_is_no_image(
    network: ModelFolder, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(network, "plain")
    folder = write_folder(here / "photographs", dict(list(network.photographs.items())[:1]))
    write_folder(here / "unfinished", {"weights.safetensors": network.weights.read_bytes()})
    write_folder(here / "texts", {"a.txt": b"a"})
    for model in (here / "unfinished", here / "texts", here / "gone", here / "gone.json"):
        assert "Give the model.json of a trained classifier" in error_of(capsys, model, folder)
    assert "holds no image" in error_of(capsys, here / "texts")


def test_an_average_predicts_the_mean_of_its_models(network: ModelFolder, bayes: ModelFolder, here: Path) -> None:
    write_config({"averages": {"both": ["plain", "original"]}, "recommended": "both"})
    place(network, "plain")
    place(bayes, "original")
    grey = encode(np.full(SHAPE, 90, np.uint8), "PNG")
    folder = write_folder(here / "photographs", {**network.photographs, "grey.png": grey, "torn.png": grey[:20]})
    assert main(["predict", str(folder), "--threads", "1", "--out", "out.parquet"]) == 1
    table = pd.read_parquet("out.parquet")
    members = [predict(model, folder)[1] for model in (network, bayes)]
    mean = np.mean([probabilities_of(member) for member in members], axis=0)
    np.testing.assert_allclose(probabilities_of(table), mean, atol=1e-6)
    assert list(table.columns) == list(members[0].columns)
    assert table.dtypes.tolist() == members[0].dtypes.tolist()
    torn = table["path"].str.endswith("torn.png")
    assert table["predicted"].isna().tolist() == torn.tolist()
    np.testing.assert_array_equal(table["error"], members[0]["error"])
    readable = table[~torn]
    np.testing.assert_allclose(readable["confidence"], mean[~torn].max(1), atol=1e-6)
    assert [f"p_{name}" for name in readable["predicted"]] == readable.filter(like="p_").idxmax(axis=1).tolist()
    for flag in ("grey", "out_of_distribution"):
        by_any = np.any([member["flag"].str.contains(flag) for member in members], axis=0)
        np.testing.assert_array_equal(table["flag"].str.contains(flag), by_any)


def test_the_help_says_what_is_used_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "[MODEL] IMAGE_OR_FOLDER_OR_ZIP" in text
    assert (
        "by the experiment that config.yaml recommends (classify.recommended), trained by `snakemake recommended`"
        in text
    )


def test_models_of_other_images_have_no_mean(network: ModelFolder) -> None:
    options = PredictionOptions("cpu", 1)
    whole, half = (open_predictor(read_model_file(network.folder), options, field) for field in (1.0, 0.5))
    with pytest.raises(InputError, match="different size, fit and share of the frame"):
        next(predict_mean([whole, half], [], threads=1))
