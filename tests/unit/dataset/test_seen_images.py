"""Every training records the real images that it received, for the leak audit."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers import classical_normalizers, gan_normalizers, stain_runs, synthesis_runs
from helpers.method_settings import small_settings
from helpers.thesis import CLASSES
from hemabalance.config.draws import DrawsConfig
from hemabalance.config.gate import GateSettings
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SCHEMA, read_seen_images, write_seen_images
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.stain.fit import NormalizerFitInputs, NormalizerFitOutputs, fit_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.synthesis.data import RealImageSource
from hemabalance.synthesis.fit import GeneratorPaths, OtherNetworks, fit_generator
from hemabalance.synthesis.fit_judge import fit_judge
from hemabalance.synthesis.generate import GeneratedPaths, ImageRequest, StoredGenerator, generate_images
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.real_image_features import select_real_images
from hemabalance.synthesis.real_image_measurement import compute_real_image_features
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

SPEC = GeneratorSpec(method="cwgan_gp", settings=small_settings("synthesis", "cwgan_gp", steps=1))
GENERATOR = GeneratorConfig(spec=SPEC, serves="rich", size=16, run_classes=CLASSES)
ROLES = RolesConfig(rare_below=1, rich_from=1, enough_from=1000, rich=("basophil", "monocyte"))
CLASSIFIER = SmallClassifierSettings(
    width=4, batch=4, steps=2, lr=0.01, colour_strength=0.2, memory_budget=1 << 20, log_every=1, checkpoint_every=1
)
PROTOCOLS = pytest.mark.parametrize("protocol", ["leak_free", "thesis"])


def job(folder: Path) -> FitJob:
    runtime = start(device="cpu", precision="32", devices=1, seed=3, threads=1)
    return FitJob(runtime, folder / "state", folder / "history.jsonl", threads=1, seed=3)


def listed(path: Path) -> pd.DataFrame:
    return read_seen_images("generator", "any", path).table


def ids(split: pd.DataFrame, parts: tuple[str, ...], *classes: str) -> list[str]:
    return sorted(split.loc[split["part"].isin(parts) & split["label"].isin(classes), "image_id"])


# --- the table


def table() -> pd.DataFrame:
    rows = [
        (f"mendeley/basophil/{k}", "mendeley", "basophil", part) for k, part in enumerate(("train", "test", "train"))
    ]
    split = pd.DataFrame(rows, columns=["image_id", "source", "label", "part"])
    return split.assign(group_id=split["image_id"], draw=0.5)


def test_a_list_has_one_row_of_the_split_per_image(tmp_path: Path) -> None:
    write_seen_images(
        table(), "leak_free", reversed([*table()["image_id"], "mendeley/basophil/0"]), tmp_path / "seen.parquet"
    )
    assert listed(tmp_path / "seen.parquet").equals(
        table().assign(protocol="leak_free")[list(SCHEMA.columns)].astype("str")
    )
    write_seen_images(table()[::-1], "leak_free", table()["image_id"], tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "seen.parquet").read_bytes()
    assert str(read_seen_images("judge", "mine", tmp_path / "seen.parquet")) == "judge mine"


def test_a_training_without_images_writes_an_empty_list(tmp_path: Path) -> None:
    write_seen_images(table(), "leak_free", (), tmp_path / "seen.parquet")
    assert listed(tmp_path / "seen.parquet").empty


def test_an_image_of_no_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="received 1 images that are not in the split, stray first"):
        write_seen_images(table(), "leak_free", ["stray", "mendeley/basophil/1"], tmp_path / "seen.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_list_is_refused(tmp_path: Path) -> None:
    write_seen_images(table(), "leak_free", table()["image_id"], tmp_path / "seen.parquet")
    (tmp_path / "seen.parquet").write_bytes((tmp_path / "seen.parquet").read_bytes()[:-50])
    with pytest.raises(InputError, match=r"seen\.parquet: cannot be read as Parquet"):
        listed(tmp_path / "seen.parquet")


# --- lists written by trainings


@PROTOCOLS
@pytest.mark.parametrize("method", ["reinhard", "none", "pix2pix"])
def test_a_normaliser_lists_its_training_images(tmp_path: Path, protocol: Protocol, method: str) -> None:
    pair = stain_runs.image_sets(tmp_path)
    split = stain_runs.split_of(pair, protocol)
    if protocol == "leak_free":  # two more training images of each source, in both classes
        split.loc[split["image_id"].str[-2:].isin(["01", "02", "03"]), "part"] = "train"
    spec = NormalizerSpec(method=method, settings=small_settings("stain", method))
    cells = gan_normalizers.disc_images(4, (230, 170, 190), 3, classical_normalizers.SIZE)
    with ExitStack() as stack:
        for images in pair.sets.values():
            stack.enter_context(images)
        fit_normalizer(
            spec,
            NormalizerFitInputs(pair, split, protocol, rendered=(cells, 255 - cells)),
            job(tmp_path),
            NormalizerFitOutputs(tmp_path / "weights", tmp_path / "training.json", tmp_path / "seen.parquet"),
        )
    parts = ("train",) if protocol == "leak_free" else ("pool",)
    expected = ids(split, parts, "basophil", "monocyte") if method == "reinhard" else []
    assert listed(tmp_path / "seen.parquet")["image_id"].tolist() == expected
    assert bool(expected) == (method == "reinhard")


@pytest.fixture
def image_set(tmp_path: Path) -> Any:
    with synthesis_runs.real_set(tmp_path) as images:
        yield images


def with_validation(image_set: ImageSet, protocol: Protocol) -> pd.DataFrame:
    split = synthesis_runs.split_of(image_set, protocol)
    if protocol == "leak_free":
        split.loc[split["image_id"].str.endswith("/03"), "part"] = "validation"
    return split


def generator_paths(folder: Path) -> GeneratorPaths:
    names = ("weights", "training.json", "seen.parquet", "s.zip", "s.parquet")
    return GeneratorPaths(*(folder / name for name in names))


@PROTOCOLS
def test_a_generator_lists_its_training_and_validation_images(
    image_set: ImageSet, tmp_path: Path, protocol: Protocol
) -> None:
    split = with_validation(image_set, protocol)
    source = RealImageSource(image_set, split, protocol, threads=1)
    fit_generator("mine", GENERATOR, ROLES, source, OtherNetworks(), job(tmp_path), generator_paths(tmp_path))
    images = listed(tmp_path / "seen.parquet")
    parts = ("train", "validation") if protocol == "leak_free" else ("pool",)
    assert images["image_id"].tolist() == ids(split, parts, "basophil", "monocyte")
    assert set(images["part"]) == set(parts)


@PROTOCOLS
def test_a_judge_lists_its_training_images(image_set: ImageSet, tmp_path: Path, protocol: Protocol) -> None:
    split = with_validation(image_set, protocol)
    fit_judge(
        RealImageSource(image_set, split, protocol, threads=1), CLASSES, 16, CLASSIFIER, job(tmp_path),
        weights=tmp_path / "weights", training=tmp_path / "training.json", seen=tmp_path / "seen.parquet",
    )  # fmt: skip
    parts = ("train",) if protocol == "leak_free" else ("pool",)
    assert listed(tmp_path / "seen.parquet")["image_id"].tolist() == ids(split, parts, *synthesis_runs.CLASSES)


def test_a_gate_lists_its_reference_images(image_set: ImageSet, tmp_path: Path) -> None:
    split = with_validation(image_set, "leak_free")
    fit_job = job(tmp_path)
    source = RealImageSource(image_set, split, "leak_free", threads=1)
    fit_generator("mine", GENERATOR, ROLES, source, OtherNetworks(), fit_job, generator_paths(tmp_path))
    names = ("images.zip", "images.parquet", "gate.parquet", "gate.json", "features", "gate_seen.parquet")
    judges: Any = Judges(
        synthesis_runs.corners, synthesis_runs.FlatPixelDistance(), synthesis_runs.LightnessClassifier()
    )  # type: ignore[arg-type]
    rows = select_real_images(split, "leak_free", CLASSES, references=4, measured=2, seed=1)
    pixels = source.read(rows, 16).pixels
    real = compute_real_image_features(rows, pixels, judges.inception, judges.perceptual)
    generate_images(
        StoredGenerator("mine", GENERATOR, ROLES, tmp_path / "weights", fit_job.runtime), source, real, judges,
        ImageRequest(
            draws=DrawsConfig(target_per_class=12, least=2, most_times=1.0),
            gate=GateSettings(confidence=0.4, neighbours=3, copy_quantile=0.01),
        ),
        GeneratedPaths(*(tmp_path / name for name in names)),
    )  # fmt: skip
    images = listed(tmp_path / "gate_seen.parquet")
    references = rows.loc[rows["reference"], "image_id"]
    assert images["image_id"].tolist() == sorted(references)
    assert len(references) == 4 * len(synthesis_runs.CLASSES)
    assert set(images["part"]) == {"train"}
