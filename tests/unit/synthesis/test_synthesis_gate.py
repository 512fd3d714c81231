"""Decisions of the gate, with simple substitutes for the networks; tests/numerics uses the real networks."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from helpers.fake_networks import (
    PixelDistance,
    RednessClassifier,
    build_copy_detector,
    build_gate,
    quadrant_means,
    random_images,
    real_features_of,
)
from helpers.thesis import CLASSES
from hemabalance.config.gate import GateSettings
from hemabalance.dataset.perceptual_hash import perceptual_hash, thumbnail
from hemabalance.errors import InputError
from hemabalance.metrics.poses import poses
from hemabalance.synthesis.copies import MIN_LPIPS_THRESHOLD, SIDE, NearestImageIndex, NearestImages, thresholds
from hemabalance.synthesis.gate import Gate
from hemabalance.synthesis.memorisation import memorisation
from hemabalance.training.job import Images

SETTINGS = GateSettings(confidence=0.6, neighbours=3, copy_quantile=0.01)


def references(basophils: int = 12, monocytes: int = 12, side: int = 16) -> tuple[Images, np.ndarray]:
    pixels = [random_images(basophils, 1, red=True, side=side), random_images(monocytes, 2, red=False, side=side)]
    labels = np.array(["basophil"] * basophils + ["monocyte"] * monocytes)
    ids = np.array([f"{label}/{k:02}" for k, label in enumerate(labels)])
    return Images(np.concatenate(pixels), labels), ids


class SelfExtractingGate(NamedTuple):
    """A gate that extracts the features itself."""

    gate: Gate

    def assess(self, images: np.ndarray, label: str) -> pd.DataFrame:
        return self.gate.assess(images, label, quadrant_means(images))


def gate(
    settings: GateSettings = SETTINGS, *, judge: Any = None, max_references: int = 100, **counts: int
) -> SelfExtractingGate:
    training, ids = references(**counts)
    return SelfExtractingGate(
        build_gate(
            training,
            ids,
            judge or RednessClassifier(),
            quadrant_means,
            PixelDistance(),
            settings,
            max_references=max_references,
            seed=1,
        )
    )


def nearest_images(lpips: Any, bits: Any) -> NearestImages:
    place = np.arange(len(lpips))
    return NearestImages(np.array(lpips, np.float32), np.array(bits, np.int64), place, place)


def test_the_table_has_one_row_per_image_with_all_reasons() -> None:
    training, ids = references()
    white = np.full((1, 16, 16, 3), 255, np.uint8)
    images = np.concatenate(
        [training.pixels[3:4, ::-1], random_images(1, 2, red=False), white, random_images(1, 9, red=True)]
    )
    table = gate().assess(images, "basophil")
    assert table["reason"].tolist()[:3] == ["copy", "class; manifold", "manifold"]
    assert table["copy"].tolist() == [True, False, False, False]
    assert table["agrees"].tolist() == [True, False, True, True]
    assert table["inside"].tolist()[:3] == [True, False, False]
    assert table["predicted"].tolist() == ["basophil", "monocyte", "basophil", "basophil"]
    assert table["accepted"].tolist() == (table["reason"] == "").tolist()
    assert (table["nearest_id"][0], table["hash_distance"][0]) == (ids[3], 0)
    assert table["lpips"][0] == 0
    np.testing.assert_array_equal(table["confidence"], RednessClassifier().probabilities(images)[:, 0])
    np.testing.assert_array_equal(table["inside"], table["margin"] <= 1)
    dtypes = {name: str(column.dtype) for name, column in table.items()}
    assert dtypes == {
        "confidence": "float32", "predicted": "str", "agrees": "bool", "margin": "float64", "inside": "bool",
        "lpips": "float32", "nearest_id": "str", "hash_distance": "int64", "copy": "bool", "accepted": "bool",
        "reason": "str",
    }  # fmt: skip


def test_no_images_give_an_empty_table_with_the_same_dtypes() -> None:
    full, empty = (gate().assess(random_images(n, 9, red=True), "basophil") for n in (2, 0))
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_confidence_has_its_own_threshold() -> None:
    images = random_images(6, 9, red=True)
    confidence = gate().assess(images, "basophil")["confidence"]
    strict = GateSettings(confidence=float(confidence.median()), neighbours=3, copy_quantile=0.01)
    assert gate(strict).assess(images, "basophil")["agrees"].tolist() == (confidence >= confidence.median()).tolist()


def test_a_more_probable_other_class_is_refused_at_any_threshold() -> None:
    low = GateSettings(confidence=0.05, neighbours=3, copy_quantile=0.01)
    table = gate(low).assess(random_images(4, 9, red=False), "basophil")
    assert (table["confidence"] > 0.05).all()
    assert not table["agrees"].any()


@pytest.mark.parametrize("label", ["monoblast", "eosinophil"])
def test_a_class_without_a_real_image_is_refused(label: str) -> None:
    # The classifier knows only the first class, the gate knows neither.
    with pytest.raises(InputError, match=f"class {label}"):
        gate(judge=RednessClassifier("monoblast")).assess(random_images(1, 9, red=True), label)


def test_without_two_images_of_any_class_there_is_no_gate() -> None:
    with pytest.raises(InputError, match="no class has two"):
        gate(basophils=1, monocytes=1)


def test_a_class_with_one_image_uses_the_other_classes_and_has_a_note() -> None:
    single = gate(basophils=1, monocytes=12)
    notes = single.gate.notes()
    assert set(notes) == {"basophil"}
    assert "copies" in notes["basophil"]
    assert "a single real image" in notes["basophil"]
    assert single.gate.copies.thresholds["basophil"].lpips == single.gate.copies.thresholds["monocyte"].lpips
    image = references(1, 12)[0].pixels[:1]
    table = single.assess(np.concatenate([image, 255 - image]), "basophil")
    assert table["margin"][0] == 0
    assert table["inside"].tolist() == [True, False]
    assert table["copy"].tolist() == [True, False]


def test_a_small_class_has_fewer_neighbours_and_a_note() -> None:
    notes = gate(basophils=3, monocytes=12).gate.notes()
    assert notes == {"basophil": "manifold of 3 real images by 2 neighbours"}
    assert gate().gate.notes() == {}


def test_the_selected_references_do_not_depend_on_the_order() -> None:
    assert "compared with 5 of 12" in gate(max_references=5).gate.notes()["monocyte"]
    training, ids = references()
    backwards = np.arange(len(ids))[::-1]
    reversed_order = Images(training.pixels[backwards], training.labels[backwards])
    first, second = (
        build_copy_detector(
            images,
            names,
            real_features_of(images, names, quadrant_means, PixelDistance(), max_references=5, seed=1),
            PixelDistance(),
            quantile=0.01,
        )
        for images, names in ((training, ids), (reversed_order, ids[backwards]))
    )
    for label in ("basophil", "monocyte"):
        assert sorted(first.ids[label]) == sorted(second.ids[label])
        assert len(first.ids[label]) == 5
    assert first.thresholds == second.thresholds


# --- copies


def test_the_nearest_is_the_nearest_over_all_poses() -> None:
    real, generated = random_images(9, 1, red=True), random_images(5, 2, red=True)
    image_index = NearestImageIndex(real, PixelDistance())  # type: ignore[arg-type]
    result = image_index.nearest(generated)
    distances = ((poses(generated)[:, :, None] / 255.0 - real[None, None] / 255.0) ** 2).mean(axis=(3, 4, 5))
    np.testing.assert_allclose(result.lpips, distances.min(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_array_equal(result.index, distances.min(axis=0).argmin(axis=1))
    np.testing.assert_array_equal(result.pose, distances.min(axis=2).argmin(axis=0))


def test_bits_are_the_fewest_over_poses_and_images() -> None:
    real, generated = random_images(9, 1, red=True), random_images(5, 2, red=True)
    hashes = [perceptual_hash(np.stack([thumbnail(image) for image in posed])) for posed in (real, *poses(generated))]
    fewest = np.min([np.bitwise_count(posed[:, None] ^ hashes[0]).min(axis=1) for posed in hashes[1:]], axis=0)
    np.testing.assert_array_equal(NearestImageIndex(real, PixelDistance()).nearest(generated).bits, fewest)  # type: ignore[arg-type]


def test_an_image_is_not_its_own_neighbour_in_any_pose() -> None:
    # Identical in every pose: the distance is above zero only if the image itself is left out.
    flat = np.repeat(np.arange(4, dtype=np.uint8) * 60, 16 * 16 * 3).reshape(4, 16, 16, 3)
    others = NearestImageIndex(flat, PixelDistance()).nearest_others()  # type: ignore[arg-type]
    assert (others.lpips > 0.01).all()
    assert (np.abs(others.index - np.arange(4)) == 1).all()
    assert (NearestImageIndex(random_images(6, 1, red=True), PixelDistance()).nearest_others().bits > 0).all()  # type: ignore[arg-type]


def test_larger_images_are_compared_at_one_side() -> None:
    large = random_images(4, 1, red=True, side=2 * SIDE) // 2 + 60
    image_index = NearestImageIndex(large, PixelDistance())  # type: ignore[arg-type]
    noisy = large.copy()
    noisy[:, ::2, ::2] -= 40
    noisy[:, ::2, 1::2] += 40
    # Differences within squares of two pixels vanish at half the side.
    np.testing.assert_allclose(image_index.nearest(noisy).lpips, 0, atol=1e-6)


def test_thresholds_follow_from_the_distances_of_real_images() -> None:
    distances = {
        "basophil": nearest_images(np.linspace(0.1, 0.2, 101), [10] * 101),
        "monocyte": nearest_images([0.3, 0.3], [6, 6]),
    }
    limits = thresholds({**distances, "smudge_cell": None}, quantile=0.05)
    assert limits["basophil"].lpips == pytest.approx(0.105)
    assert limits["basophil"].note == ""
    # Classes with one or two images use the distances of the other classes.
    assert limits["monocyte"].lpips == pytest.approx(0.105)
    assert limits["smudge_cell"].lpips == pytest.approx(np.quantile([*np.linspace(0.1, 0.2, 101), 0.3, 0.3], 0.05))
    assert "too few" in limits["monocyte"].note
    assert "too few" in limits["smudge_cell"].note
    assert {limit.bits for limit in limits.values()} == {9}


def test_the_hash_threshold_is_strictly_below_the_distances_of_real_images() -> None:
    # The few monocytes are far apart by chance; the basophils determine the threshold.
    distances = {"basophil": nearest_images([0.1] * 100, [8] * 100), "monocyte": nearest_images([0.1] * 4, [18] * 4)}
    assert {limit.bits for limit in thresholds(distances, quantile=0.01).values()} == {7}


def test_identical_real_images_leave_exact_copies_only() -> None:
    limits = thresholds({"basophil": nearest_images([0.0] * 5, [0] * 5)}, quantile=0.01)
    assert (limits["basophil"].lpips, limits["basophil"].bits) == (MIN_LPIPS_THRESHOLD, -1)


# --- memorisation


def test_memorisation_rows_and_pairs() -> None:
    training, _ = references()
    copies = gate().gate.copies
    generated = {"monocyte": random_images(6, 7, red=False), "basophil": training.pixels[:3, :, ::-1]}
    held_back = Images(random_images(4, 8, red=True), np.array(["basophil", "basophil", "platelet", "basophil"]))
    rows, pairs = memorisation(generated, held_back, copies, CLASSES, max_images=5, seed=1)
    assert [(row["label"], row["kind"], row["n"]) for row in rows] == [
        ("all", "generated", 8), ("all", "held_back", 3), ("basophil", "generated", 3), ("basophil", "held_back", 3),
        ("monocyte", "generated", 5), ("monocyte", "held_back", 0),
    ]  # fmt: skip
    basophil = rows[2]
    assert (basophil["copies"], basophil["share"], basophil["median_distance"]) == (3, 1, 0)
    assert basophil["threshold"] == copies.thresholds["basophil"].lpips
    assert basophil["low"] < 0.5
    assert (rows[5]["share"], rows[5]["median_distance"], rows[5]["reason"]) == (None, None, "there are no such images")
    assert rows[0]["threshold"] is None
    assert pairs["distance"].is_monotonic_increasing
    assert pairs.head(3)["copy"].all()
    assert set(pairs.loc[pairs["kind"] == "held_back", "image"]) == {0, 1, 3}
    assert len(set(pairs.loc[pairs["label"] == "monocyte", "image"])) == 5
    repeated = memorisation(generated, held_back, copies, CLASSES, max_images=5, seed=1)
    assert repeated[0] == rows
    assert repeated[1].equals(pairs)
