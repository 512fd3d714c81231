"""Drawing until enough pass, writing what was drawn, and making one image again."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.method_settings import small_settings
from hemabalance.cli import main
from hemabalance.config.draws import DrawsConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.files import sha256_file
from hemabalance.synthesis.gate_table import SCHEMA
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.rejection_sampling import GatedSamples, draw, image_id, write_gated_samples
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime, start
from hemabalance.training.weights import save_weights

SIZE = 16
LABELS = ("basophil", "monocyte")
SPEC = GeneratorSpec(method="cwgan_gp", settings=small_settings("synthesis", "cwgan_gp"))
ENTRY = GeneratorConfig(spec=SPEC, serves="rich", size=SIZE)


class OneInFour:
    """Accepts every fourth basophil and no monocyte."""

    def assess(self, pixels: np.ndarray, label: str, features: np.ndarray | None = None) -> pd.DataFrame:
        assert features is not None
        assert len(features) == len(pixels)
        accepted = (np.arange(len(pixels)) % 4 == 0) & (label == "basophil")
        table = pd.DataFrame({"confidence": np.full(len(pixels), 0.9, np.float32)}).assign(
            predicted="basophil", agrees=label == "basophil", margin=0.5, inside=accepted, lpips=np.float32(0.1),
            nearest_id="i1", hash_distance=np.int64(9), copy=False, accepted=accepted,
        )  # fmt: skip
        refused = "manifold" if label == "basophil" else "class; manifold"
        return table.assign(reason=np.where(accepted, "", refused)).astype({"reason": "str"})

    def notes(self) -> Mapping[str, str]:
        return {"basophil": "few real images"}


def sampler(label: str, indices: range) -> np.ndarray:
    values = np.array([(7 * index + len(label)) % 256 for index in indices], np.uint8)
    return np.broadcast_to(values[:, None, None, None], (len(values), SIZE, SIZE, 3))


def extract(pixels: np.ndarray) -> np.ndarray:
    return pixels[:, 0, 0, :2].astype(np.float32)


def drawn(target: int, *, least: int = 8, most_times: float = 8.0) -> GatedSamples:
    real = {"basophil": 10, "monocyte": 10}
    settings = DrawsConfig(target_per_class=target, least=least, most_times=most_times)
    return draw(sampler, extract, OneInFour(), real, settings)  # type: ignore[arg-type]


def test_draws_go_on_until_enough_are_accepted() -> None:
    found = drawn(60)
    basophil = found.summary["basophil"]
    assert (basophil["target"], basophil["real"], basophil["short"]) == (50, 10, 0)
    assert 50 <= basophil["accepted"] < 50 + 32
    assert basophil["drawn"] == basophil["accepted"] * 4
    assert (basophil["class"], basophil["copy"]) == (0, 0)
    assert basophil["manifold"] == basophil["drawn"] - basophil["accepted"]
    assert basophil["note"] == "few real images"
    assert SCHEMA.validate(found.table)["image_id"].is_monotonic_increasing
    assert np.array_equal(found.features, np.concatenate([extract(sampler(r.label, range(r.index, r.index + 1)))
                                                          for r in found.table.itertuples()]))  # fmt: skip


def test_a_class_that_cannot_reach_its_target_says_so_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    monocyte = drawn(60).summary["monocyte"]
    assert (monocyte["drawn"], monocyte["accepted"], monocyte["short"]) == (400, 0, 50)
    assert monocyte["class"] == monocyte["manifold"] == 400
    assert "50 short of its target after 400 draws" in monocyte["note"]
    assert "monocyte stays 50 images short" in caplog.text


def test_a_target_below_the_real_count_wants_nothing_and_still_measures() -> None:
    found = drawn(5)
    for label in LABELS:
        assert (found.summary[label]["target"], found.summary[label]["drawn"]) == (0, 8)
        assert "no image is wanted: 10 real ones, target 5" in found.summary[label]["note"]


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return start(device="cpu", precision="32", devices=1, seed=3, threads=1)


@pytest.fixture
def folder(tmp_path: Path, runtime: Runtime) -> Path:
    """Weights of a generator, and the image set that it made."""
    generator = ENTRY.build(Classes(LABELS, LABELS), runtime)
    parts = {"generator": generator._generator}  # type: ignore[attr-defined]
    save_weights(tmp_path / "weights.safetensors", parts, generator.description)  # type: ignore[attr-defined]
    generator.load(tmp_path / "weights.safetensors")

    def made(label: str, indices: range) -> np.ndarray:
        return sample(generator, label, indices, seed=3, device=runtime.device)

    real = dict.fromkeys(LABELS, 10)
    settings = DrawsConfig(target_per_class=20, least=5, most_times=2.0)
    found = draw(made, extract, OneInFour(), real, settings)  # type: ignore[arg-type]
    write_gated_samples(
        found, made, tmp_path / "images.zip", tmp_path / "images.parquet", generator="mine",
        weights=sha256_file(tmp_path / "weights.safetensors"), seed=3, threads=1,
    )  # fmt: skip
    return tmp_path


def test_every_image_says_where_it_came_from(folder: Path) -> None:
    with ImageSet(folder / "images.zip", folder / "images.parquet") as held:
        row = held.index.set_index("image_id").loc[image_id("monocyte", 7)]
    assert (row["label"], row["origin"]) == ("monocyte", "synthetic")
    digest = sha256_file(folder / "weights.safetensors")
    expected = {"generator": "mine", "weights": digest, "seed": 3, "class": "monocyte", "index": 7}
    assert json.loads(row["provenance"]) == expected


def test_show_makes_the_same_image_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = image_id("monocyte", 13)
    assert main(["reproduce", str(folder / "images.parquet"), name, "--out", str(folder / "one.png")]) == 0
    with ImageSet(folder / "images.zip", folder / "images.parquet") as held:
        position = held.index["image_id"].tolist().index(name)
        assert np.array_equal(np.asarray(Image.open(folder / "one.png")), held.read(position))
    said = capsys.readouterr().out
    assert "class: monocyte" in said
    assert "(the same image)" in said


def test_show_refuses_what_it_cannot_make(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = str(folder / "images.parquet")
    assert main(["reproduce", index, "nobody"]) == 1
    assert "has no image nobody" in capsys.readouterr().err
    (folder / "weights.safetensors").write_bytes(b"other")
    assert main(["reproduce", index, image_id("monocyte", 1), "--out", str(folder / "x.png")]) == 1
    assert "did not make monocyte-0000000001" in capsys.readouterr().err
    (folder / "weights.safetensors").unlink()
    assert main(["reproduce", index, image_id("monocyte", 1)]) == 1
    assert "is not there" in capsys.readouterr().err
    assert not (folder / "x.png").exists()
