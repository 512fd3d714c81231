"""`hemabalance generate`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import conditional_generators
from hemabalance import Generator
from hemabalance.cli import main
from hemabalance.files import sha256_file


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained generator."""
    folder = tmp_path_factory.mktemp("generator")
    conditional_generators.fit("cwgan_gp", folder).save(folder / "weights.safetensors")
    return folder


def generate(*arguments: object) -> int:
    return main(["generate", *map(str, arguments), "--threads", "1", "--device", "cpu"])


def test_the_images_are_those_of_the_python_interface_and_the_table_says_where_each_is_from(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert generate(model, "--class", "monocyte", "--n", 67, "--seed", 3, "--into", out) == 0
    table = pd.read_csv(out / "images.csv")
    pixels = [np.asarray(Image.open(out / name)) for name in table["file"]]
    np.testing.assert_array_equal(np.stack(pixels), Generator.load(model).sample("monocyte", 67, seed=3))
    assert table["index"].tolist() == list(range(67))
    weights = model / "weights.safetensors"
    constants = {
        "class": "monocyte",
        "seed": 3,
        "model": str(weights),
        "weights_sha256": sha256_file(weights),
        "origin": "synthetic",
        "gate": "not applied",
    }
    assert {name: table[name].unique().tolist() for name in constants} == {k: [v] for k, v in constants.items()}
    assert sorted(path.name for path in out.iterdir() if path.name not in set(table["file"])) == [
        "README.md",
        "contact_sheet.png",
        "images.csv",
    ]
    assert "**not passed the gate**" in (out / "README.md").read_text("utf-8")
    assert capsys.readouterr().out.endswith("they have not passed the gate\n")


def test_an_unknown_class_names_those_of_the_model_and_leaves_nothing(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(model, "--class", "lymphocyte", "--into", tmp_path / "out") == 1
    assert "class lymphocyte: is not served" in (message := capsys.readouterr().err)
    assert "basophil, monocyte, platelet" in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_and_numbers_out_of_range_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(model, "--class", "monocyte", "--into", model) == 1
    assert "is not empty; nothing is overwritten" in capsys.readouterr().err
    assert generate(model, "--class", "monocyte", "--seed", "-1", "--into", tmp_path / "out") == 1
    assert "seed=-1: is under 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        generate(model, "--class", "monocyte", "--n", "0", "--into", tmp_path / "out")
    assert "must be 1 or more" in capsys.readouterr().err
