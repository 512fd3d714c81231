"""The gate with the real networks, on rendered cells: copies, other classes and noise are refused, real images pass."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from threadpoolctl import threadpool_limits

from hemabalance.config.gate import GateSettings
from hemabalance.metrics.poses import POSES, poses
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.synthesis.gate import Gate
from hemabalance.synthesis.judges import Judges, open_judges
from hemabalance.synthesis.memorisation import memorisation
from hemabalance.synthesis.real_image_measurement import compute_real_image_features
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

SIDE = 32
CLASSES = ("eosinophil", "lymphocyte")
REFERENCES, HELD_BACK, TRAINING = 40, 20, 100
SETTINGS = GateSettings(confidence=0.5, neighbours=5, copy_quantile=0.01)
CLASSIFIER = SmallClassifierSettings(
    width=8, batch=32, steps=150, lr=0.01, colour_strength=0.5, memory_budget=1 << 26, log_every=50,
    checkpoint_every=1000,
)  # fmt: skip


class GateFixture(NamedTuple):
    """Networks, gate and images that the tests share."""

    judges: Judges
    gate: Gate
    train: dict[str, np.ndarray]
    held_back: dict[str, np.ndarray]
    features: dict[str, np.ndarray]


def cells(label: str, first: int, count: int) -> np.ndarray:
    phantoms = sample_cells([label] * count, seed=7, first_index=first)
    return render(phantoms, "a", shape=(SIDE, SIDE), nuisance=True, threads=1)


def labelled_images(images: dict[str, np.ndarray]) -> Images:
    return Images(
        np.concatenate(list(images.values())), np.repeat(list(images), [len(pixels) for pixels in images.values()])
    )


def train_judges(folder: Path, inception: Path, lpips: Path, judge_images: Images) -> Judges:
    runtime = start(device="cpu", precision="32", devices=1, seed=3, threads=1)
    job = FitJob(runtime, folder / "state", folder / "history.jsonl", threads=1, seed=3)
    fit_classifier(judge_images, "none", CLASSIFIER, job, weights=folder / "judge", training=folder / "training.json")
    return open_judges(inception, lpips, folder / "judge", runtime=runtime)


def build_gate(train: dict[str, np.ndarray], judges: Judges) -> Gate:
    ids = {label: np.array([f"{label}/{k}" for k in range(REFERENCES)]) for label in CLASSES}
    records = [(name, label, "training", True) for label in CLASSES for name in ids[label]]
    rows = pd.DataFrame(records, columns=["image_id", "label", "kind", "reference"])
    real = compute_real_image_features(rows, labelled_images(train).pixels, judges.inception, judges.perceptual)
    counts = dict.fromkeys(CLASSES, REFERENCES)
    copies = CopyDetector(
        train, ids, real.distances(), judges.perceptual, quantile=SETTINGS.copy_quantile, class_counts=counts
    )
    return Gate(copies, {label: real.features_of(ids[label]) for label in CLASSES}, judges.classifier, SETTINGS)


@pytest.fixture(scope="module")
def gate_fixture(
    inception_weights_file: Path, lpips_weights_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GateFixture]:
    before = torch.get_num_threads()
    with threadpool_limits(1):
        images_by_class = {label: cells(label, 1000 * k, TRAINING) for k, label in enumerate(CLASSES)}
        judges = train_judges(
            tmp_path_factory.mktemp("judges"),
            inception_weights_file,
            lpips_weights_file,
            labelled_images(images_by_class),
        )
        train = {label: images[:REFERENCES] for label, images in images_by_class.items()}
        held_back = {label: cells(label, 1000 * k + 500, HELD_BACK) for k, label in enumerate(CLASSES)}
        gate = build_gate(train, judges)
        features = {label: judges.inception(images) for label, images in held_back.items()}
        yield GateFixture(judges, gate, train, held_back, features)
    torch.set_num_threads(before)


def reencoded(images: np.ndarray, quality: int) -> np.ndarray:
    decoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)))
    return np.stack(decoded)


def one_in_each_pose(images: np.ndarray) -> np.ndarray:
    return np.stack([poses(image[None])[k % POSES, 0] for k, image in enumerate(images)])


@pytest.mark.parametrize(
    "copied",
    [
        lambda images: images,
        one_in_each_pose,
        lambda images: reencoded(images, 90),
        lambda images: reencoded(images, 75),
        lambda images: reencoded(one_in_each_pose(images), 75),
    ],
    ids=["exact", "turned", "jpeg90", "jpeg75", "turned_jpeg75"],
)
@pytest.mark.parametrize("label", CLASSES)
def test_every_copy_of_a_training_image_is_refused(gate_fixture: GateFixture, label: str, copied: Any) -> None:
    planted = np.arange(3, REFERENCES, 4)
    images = copied(gate_fixture.train[label][planted])
    # The features do not matter here, and Inception is slow.
    table = gate_fixture.gate.assess(images, label, np.zeros((len(images), 2048), np.float32))
    assert table["copy"].all()
    assert table["reason"].str.contains("copy").all()
    assert not table["accepted"].any()
    assert table["nearest_id"].tolist() == [f"{label}/{k}" for k in planted]


@pytest.mark.parametrize("label", CLASSES)
def test_held_back_real_images_pass(gate_fixture: GateFixture, label: str) -> None:
    table = gate_fixture.gate.assess(gate_fixture.held_back[label], label, gate_fixture.features[label])
    assert table["accepted"].mean() > 0.8
    assert (table.loc[table["accepted"], "reason"] == "").all()
    assert (table.loc[~table["accepted"], "reason"] != "").all()


def test_images_of_another_class_do_not_pass(gate_fixture: GateFixture) -> None:
    tables = [
        gate_fixture.gate.assess(gate_fixture.held_back[other], label, gate_fixture.features[other])
        for label in CLASSES
        for other in CLASSES
        if label != other
    ]
    refused = np.concatenate([~table["accepted"] for table in tables])
    assert len(refused) == HELD_BACK * len(CLASSES)
    assert refused.mean() > 0.97
    assert all((table["predicted"] != label).mean() > 0.9 for table, label in zip(tables, CLASSES, strict=True))


def test_noise_does_not_pass(gate_fixture: GateFixture) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (6, SIDE, SIDE, 3), dtype=np.uint8)
    features = gate_fixture.judges.inception(noise)
    for label in CLASSES:
        table = gate_fixture.gate.assess(noise, label, features)
        assert not table["accepted"].any()
        assert (table["margin"] > 1).all()


def test_memorisation_finds_planted_copies_and_no_others(gate_fixture: GateFixture) -> None:
    fresh = {label: cells(label, 1000 * k + 800, 12) for k, label in enumerate(CLASSES)}
    memorised = one_in_each_pose(gate_fixture.train["eosinophil"][:12])
    rows, pairs = memorisation(
        fresh | {"eosinophil": memorised},
        labelled_images(gate_fixture.held_back),
        gate_fixture.gate.copies,
        CLASSES,
        max_images=12,
        seed=1,
    )
    by_key = {(row["label"], row["kind"]): row for row in rows}
    assert by_key["eosinophil", "generated"]["share"] == 1
    assert by_key["eosinophil", "generated"]["median_distance"] < 1e-5
    for key in (("lymphocyte", "generated"), ("eosinophil", "held_back"), ("lymphocyte", "held_back")):
        assert by_key[key]["n"] == 12
        assert by_key[key]["copies"] <= 1
        assert by_key[key]["median_distance"] > by_key[key]["threshold"]
    assert by_key["all", "generated"]["copies"] == 12 + by_key["lymphocyte", "generated"]["copies"]
    closest = pairs.head(12)
    assert (closest["kind"] == "generated").all()
    assert (closest["nearest_id"] == [f"eosinophil/{k}" for k in closest["image"]]).all()
    posed = [poses(memorised[[k]])[pose, 0] for k, pose in zip(closest["image"], closest["pose"], strict=True)]
    np.testing.assert_array_equal(np.stack(posed), gate_fixture.train["eosinophil"][closest["image"]])


def test_an_assessment_does_not_depend_on_the_other_images(gate_fixture: GateFixture) -> None:
    images, features = gate_fixture.held_back["lymphocyte"][:4], gate_fixture.features["lymphocyte"][:4]
    together = gate_fixture.gate.assess(images, "lymphocyte", features)
    alone = gate_fixture.gate.assess(images[2:3], "lymphocyte", features[2:3])
    for name in ("predicted", "nearest_id", "hash_distance", "accepted", "reason"):
        assert alone[name][0] == together[name][2]
    for name in ("confidence", "margin", "lpips"):
        assert alone[name][0] == pytest.approx(together[name][2], rel=1e-4)
