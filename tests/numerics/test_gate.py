"""The gate with the real networks, on rendered cells: what must not pass does not, and real images do."""

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
from hemabalance.synthesis.real_image_measurement import look
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

SIDE = 32
CLASSES = ("eosinophil", "lymphocyte")
REFERENCES, HELD_BACK, LESSONS = 40, 20, 100
SETTINGS = GateSettings(confidence=0.5, neighbours=5, copy_quantile=0.01)
LEARNING = SmallClassifierSettings(
    width=8, batch=32, steps=150, lr=0.01, colour_strength=0.5, memory_budget=1 << 26, log_every=50,
    checkpoint_every=1000,
)  # fmt: skip


class GateFixture(NamedTuple):
    """What the tests look at, once for all of them."""

    judges: Judges
    gate: Gate
    train: dict[str, np.ndarray]
    held_back: dict[str, np.ndarray]
    features: dict[str, np.ndarray]


def cells(label: str, first: int, count: int) -> np.ndarray:
    drawn = sample_cells([label] * count, seed=7, first_index=first)
    return render(drawn, "a", shape=(SIDE, SIDE), nuisance=True, threads=1)


def labelled_images(images: dict[str, np.ndarray]) -> Images:
    return Images(np.concatenate(list(images.values())), np.repeat(list(images), [len(one) for one in images.values()]))


def train_judges(folder: Path, inception: Path, lpips: Path, judge_images: Images) -> Judges:
    runtime = start(device="cpu", precision="32", devices=1, seed=3, threads=1)
    job = FitJob(runtime, folder / "state", folder / "history.jsonl", threads=1, seed=3)
    fit_classifier(judge_images, "none", LEARNING, job, weights=folder / "judge", training=folder / "training.json")
    return open_judges(inception, lpips, folder / "judge", runtime=runtime)


def build_gate(train: dict[str, np.ndarray], judges: Judges) -> Gate:
    ids = {label: np.array([f"{label}/{k}" for k in range(REFERENCES)]) for label in CLASSES}
    named = [(name, label, "training", True) for label in CLASSES for name in ids[label]]
    rows = pd.DataFrame(named, columns=["image_id", "label", "kind", "reference"])
    real = look(rows, labelled_images(train).pixels, judges.inception, judges.perceptual)
    have = dict.fromkeys(CLASSES, REFERENCES)
    copies = CopyDetector(train, ids, real.distances(), judges.perceptual, quantile=SETTINGS.copy_quantile, have=have)
    return Gate(copies, {label: real.seen(ids[label]) for label in CLASSES}, judges.classifier, SETTINGS)


@pytest.fixture(scope="module")
def gate_fixture(
    inception_weights_file: Path, lpips_weights_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GateFixture]:
    before = torch.get_num_threads()
    with threadpool_limits(1):
        seen = {label: cells(label, 1000 * k, LESSONS) for k, label in enumerate(CLASSES)}
        judges = train_judges(
            tmp_path_factory.mktemp("judges"), inception_weights_file, lpips_weights_file, labelled_images(seen)
        )
        train = {label: images[:REFERENCES] for label, images in seen.items()}
        held_back = {label: cells(label, 1000 * k + 500, HELD_BACK) for k, label in enumerate(CLASSES)}
        gate = build_gate(train, judges)
        features = {label: judges.inception(images) for label, images in held_back.items()}
        yield GateFixture(judges, gate, train, held_back, features)
    torch.set_num_threads(before)


def reencoded(images: np.ndarray, quality: int) -> np.ndarray:
    found = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(buffer)))
    return np.stack(found)


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
    # What Inception makes of them is beside the point, and slow.
    table = gate_fixture.gate.assess(images, label, np.zeros((len(images), 2048), np.float32))
    assert table["copy"].all()
    assert table["reason"].str.contains("copy").all()
    assert not table["accepted"].any()
    assert table["nearest_id"].tolist() == [f"{label}/{k}" for k in planted]


@pytest.mark.parametrize("label", CLASSES)
def test_real_images_that_nobody_saw_pass(gate_fixture: GateFixture, label: str) -> None:
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


def test_memory_is_measured_beside_what_chance_does(gate_fixture: GateFixture) -> None:
    fresh = {label: cells(label, 1000 * k + 800, 12) for k, label in enumerate(CLASSES)}
    learned = one_in_each_pose(gate_fixture.train["eosinophil"][:12])
    rows, pairs = memorisation(
        fresh | {"eosinophil": learned},
        labelled_images(gate_fixture.held_back),
        gate_fixture.gate.copies,
        most=12,
        seed=1,
    )
    found = {(row["label"], row["kind"]): row for row in rows}
    assert found["eosinophil", "generated"]["share"] == 1
    assert found["eosinophil", "generated"]["median_distance"] < 1e-5
    for key in (("lymphocyte", "generated"), ("eosinophil", "held_back"), ("lymphocyte", "held_back")):
        assert found[key]["n"] == 12
        assert found[key]["copies"] <= 1
        assert found[key]["median_distance"] > found[key]["threshold"]
    assert found["all", "generated"]["copies"] == 12 + found["lymphocyte", "generated"]["copies"]
    closest = pairs.head(12)
    assert (closest["kind"] == "generated").all()
    assert (closest["nearest_id"] == [f"eosinophil/{k}" for k in closest["image"]]).all()
    again = [poses(learned[[k]])[pose, 0] for k, pose in zip(closest["image"], closest["pose"], strict=True)]
    np.testing.assert_array_equal(np.stack(again), gate_fixture.train["eosinophil"][closest["image"]])


def test_the_same_images_are_judged_the_same_in_any_company(gate_fixture: GateFixture) -> None:
    images, features = gate_fixture.held_back["lymphocyte"][:4], gate_fixture.features["lymphocyte"][:4]
    whole = gate_fixture.gate.assess(images, "lymphocyte", features)
    alone = gate_fixture.gate.assess(images[2:3], "lymphocyte", features[2:3])
    for name in ("predicted", "nearest_id", "hash_distance", "accepted", "reason"):
        assert alone[name][0] == whole[name][2]
    for name in ("confidence", "margin", "lpips"):
        assert alone[name][0] == pytest.approx(whole[name][2], rel=1e-4)
