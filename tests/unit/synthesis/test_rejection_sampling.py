"""Sampling until enough images are accepted, writing the samples, and reproducing one image."""

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
from hemabalance.synthesis.rejection_sampling import (
    GatedSamples,
    SampleProvenance,
    image_id,
    sample_until_accepted,
    write_gated_samples,
)
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime, start
from hemabalance.training.weights import save_weights

SIZE = 16
LABELS = ("basophil", "monocyte")
SPEC = GeneratorSpec(method="cwgan_gp", settings=small_settings("synthesis", "cwgan_gp"))
CONFIG = GeneratorConfig(spec=SPEC, serves="rich", size=SIZE, run_classes=LABELS)


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
        reason = "manifold" if label == "basophil" else "class; manifold"
        return table.assign(reason=np.where(accepted, "", reason)).astype({"reason": "str"})

    def notes(self) -> Mapping[str, str]:
        return {"basophil": "few real images"}


def sampler(label: str, indices: range) -> np.ndarray:
    values = np.array([(7 * index + len(label)) % 256 for index in indices], np.uint8)
    return np.broadcast_to(values[:, None, None, None], (len(values), SIZE, SIZE, 3))


def extract(pixels: np.ndarray) -> np.ndarray:
    return pixels[:, 0, 0, :2].astype(np.float32)


def sample_all(target: int, *, least: int = 8, most_times: float = 8.0) -> GatedSamples:
    real = {"basophil": 10, "monocyte": 10}
    settings = DrawsConfig(target_per_class=target, least=least, most_times=most_times)
    return sample_until_accepted(sampler, extract, OneInFour(), real, settings)  # type: ignore[arg-type]


def test_sampling_continues_until_enough_are_accepted() -> None:
    result = sample_all(60)
    basophil = result.summary["basophil"]
    assert (basophil["target"], basophil["real"], basophil["short"]) == (50, 10, 0)
    assert 50 <= basophil["accepted"] < 50 + 8  # a block of 32 draws has eight
    assert basophil["drawn"] == basophil["accepted"] * 4
    assert (basophil["class"], basophil["copy"]) == (0, 0)
    assert basophil["manifold"] == basophil["drawn"] - basophil["accepted"]
    assert basophil["note"] == "few real images"
    assert SCHEMA.validate(result.table)["image_id"].is_monotonic_increasing
    assert np.array_equal(result.features, np.concatenate([extract(sampler(r.label, range(r.index, r.index + 1)))
                                                          for r in result.table.itertuples()]))  # fmt: skip


def test_a_class_that_cannot_reach_its_target_is_logged_and_stays_short(caplog: pytest.LogCaptureFixture) -> None:
    monocyte = sample_all(60).summary["monocyte"]
    assert (monocyte["drawn"], monocyte["accepted"], monocyte["short"]) == (400, 0, 50)
    assert monocyte["class"] == monocyte["manifold"] == 400
    assert "50 short of its target after 400 draws" in monocyte["note"]
    assert "monocyte stays 50 images short" in caplog.text


def test_a_target_below_the_real_count_needs_no_image_and_is_still_sampled() -> None:
    result = sample_all(5)
    for label in LABELS:
        assert (result.summary[label]["target"], result.summary[label]["drawn"]) == (0, 8)
        assert "no image is wanted: 10 real ones, target 5" in result.summary[label]["note"]


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return start(device="cpu", precision="32", devices=1, seed=3, threads=1)


@pytest.fixture
def folder(tmp_path: Path, runtime: Runtime) -> Path:
    """Weights of a generator, and the image set of its samples."""
    generator = CONFIG.build(Classes(LABELS, LABELS), runtime)
    parts = {"generator": generator.network}  # type: ignore[attr-defined]
    save_weights(tmp_path / "weights.safetensors", parts, generator.description)  # type: ignore[attr-defined]
    generator.load(tmp_path / "weights.safetensors")

    def sample_class(label: str, indices: range) -> np.ndarray:
        return sample(generator, label, indices, seed=3, device=runtime.device)

    real = dict.fromkeys(LABELS, 10)
    settings = DrawsConfig(target_per_class=20, least=5, most_times=2.0)
    samples = sample_until_accepted(sample_class, extract, OneInFour(), real, settings)  # type: ignore[arg-type]
    provenance = SampleProvenance("mine", sha256_file(tmp_path / "weights.safetensors"), seed=3)
    write_gated_samples(
        samples, sample_class, provenance, tmp_path / "images.zip", tmp_path / "images.parquet", threads=1
    )
    return tmp_path


def test_every_image_has_its_provenance(folder: Path) -> None:
    with ImageSet(folder / "images.zip", folder / "images.parquet") as image_set:
        row = image_set.index.set_index("image_id").loc[image_id("monocyte", 7)]
    assert (row["label"], row["origin"]) == ("monocyte", "synthetic")
    digest = sha256_file(folder / "weights.safetensors")
    expected = {"generator": "mine", "weights": digest, "seed": 3, "class": "monocyte", "index": 7}
    assert json.loads(row["provenance"]) == expected


def test_reproduce_generates_the_same_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = image_id("monocyte", 13)
    assert main(["reproduce", str(folder / "images.parquet"), name, "--out", str(folder / "one.png")]) == 0
    with ImageSet(folder / "images.zip", folder / "images.parquet") as image_set:
        position = image_set.index["image_id"].tolist().index(name)
        assert np.array_equal(np.asarray(Image.open(folder / "one.png")), image_set.read(position))
    output = capsys.readouterr().out
    assert "class: monocyte" in output
    assert "(the same image)" in output


def test_reproduce_refuses_unknown_images_and_other_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = str(folder / "images.parquet")
    assert main(["reproduce", index, "nobody"]) == 1
    assert "has no image nobody" in capsys.readouterr().err
    (folder / "weights.safetensors").write_bytes(b"other")
    assert main(["reproduce", index, image_id("monocyte", 1), "--out", str(folder / "x.png")]) == 1
    assert "did not generate monocyte-0000000001" in capsys.readouterr().err
    (folder / "weights.safetensors").unlink()
    assert main(["reproduce", index, image_id("monocyte", 1)]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert not (folder / "x.png").exists()
