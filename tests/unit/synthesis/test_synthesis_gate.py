"""What the gate says and why, by stand-ins for the networks; tests/numerics has the networks themselves."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from helpers.fake_networks import (
    PixelDistance,
    RednessClassifier,
    build_gate,
    copy_search,
    quadrant_means,
    random_images,
    real_features_of,
)
from hemabalance.config.gate import GateSettings
from hemabalance.dataset.perceptual_hash import perceptual_hash, thumbnail
from hemabalance.errors import InputError
from hemabalance.metrics.poses import poses
from hemabalance.synthesis.copies import LEAST_LPIPS, SIDE, NearestImageIndex, NearestImages, thresholds
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
    """A gate that looks at the images it is asked about by itself."""

    gate: Gate

    def assess(self, images: np.ndarray, label: str) -> pd.DataFrame:
        return self.gate.assess(images, label, quadrant_means(images))


def gate(settings: GateSettings = SETTINGS, *, judge: Any = None, most: int = 100, **counts: int) -> SelfExtractingGate:
    given, ids = references(**counts)
    return SelfExtractingGate(
        build_gate(
            given, ids, judge or RednessClassifier(), quadrant_means, PixelDistance(), settings, most=most, seed=1
        )
    )


def found(lpips: Any, bits: Any) -> NearestImages:
    place = np.arange(len(lpips))
    return NearestImages(np.array(lpips, np.float32), np.array(bits, np.int64), place, place)


def test_the_table_has_a_row_an_image_with_every_reason() -> None:
    given, ids = references()
    strange = np.full((1, 16, 16, 3), 255, np.uint8)
    images = np.concatenate(
        [given.pixels[3:4, ::-1], random_images(1, 2, red=False), strange, random_images(1, 9, red=True)]
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
    kinds = {name: str(column.dtype) for name, column in table.items()}
    assert kinds == {
        "confidence": "float32", "predicted": "str", "agrees": "bool", "margin": "float64", "inside": "bool",
        "lpips": "float32", "nearest_id": "str", "hash_distance": "int64", "copy": "bool", "accepted": "bool",
        "reason": "str",
    }  # fmt: skip


def test_no_images_have_an_empty_table_of_the_same_kinds() -> None:
    full, empty = (gate().assess(random_images(n, 9, red=True), "basophil") for n in (2, 0))
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_confidence_is_a_threshold_of_its_own() -> None:
    images = random_images(6, 9, red=True)
    sure = gate().assess(images, "basophil")["confidence"]
    strict = GateSettings(confidence=float(sure.median()), neighbours=3, copy_quantile=0.01)
    assert gate(strict).assess(images, "basophil")["agrees"].tolist() == (sure >= sure.median()).tolist()


def test_another_class_that_is_likelier_fails_however_low_the_threshold() -> None:
    low = GateSettings(confidence=0.05, neighbours=3, copy_quantile=0.01)
    table = gate(low).assess(random_images(4, 9, red=False), "basophil")
    assert (table["confidence"] > 0.05).all()
    assert not table["agrees"].any()


@pytest.mark.parametrize("label", ["monoblast", "eosinophil"])
def test_a_class_without_a_real_image_is_refused(label: str) -> None:
    # The classifier knows only the first of the two, the gate neither.
    with pytest.raises(InputError, match=f"class {label}"):
        gate(judge=RednessClassifier("monoblast")).assess(random_images(1, 9, red=True), label)


def test_without_two_images_of_any_class_there_is_no_gate() -> None:
    with pytest.raises(InputError, match="no class has two"):
        gate(basophils=1, monocytes=1)


def test_a_class_of_one_image_borrows_from_the_others_and_says_so() -> None:
    made = gate(basophils=1, monocytes=12)
    notes = made.gate.notes()
    assert set(notes) == {"basophil"}
    assert "copies" in notes["basophil"]
    assert "a single real image" in notes["basophil"]
    assert made.gate.copies.thresholds["basophil"].lpips == made.gate.copies.thresholds["monocyte"].lpips
    only = references(1, 12)[0].pixels[:1]
    table = made.assess(np.concatenate([only, 255 - only]), "basophil")
    assert table["margin"][0] == 0
    assert table["inside"].tolist() == [True, False]
    assert table["copy"].tolist() == [True, False]


def test_a_small_class_has_fewer_neighbours_and_says_so() -> None:
    notes = gate(basophils=3, monocytes=12).gate.notes()
    assert notes == {"basophil": "manifold of 3 real images by 2 neighbours"}
    assert gate().gate.notes() == {}


def test_more_references_than_wanted_are_drawn_the_same_in_any_order() -> None:
    assert "compared with 5 of 12" in gate(most=5).gate.notes()["monocyte"]
    given, ids = references()
    back = np.arange(len(ids))[::-1]
    turned = Images(given.pixels[back], given.labels[back])
    one, two = (
        copy_search(
            some,
            names,
            real_features_of(some, names, quadrant_means, PixelDistance(), most=5, seed=1),
            PixelDistance(),
            quantile=0.01,
        )
        for some, names in ((given, ids), (turned, ids[back]))
    )
    for label in ("basophil", "monocyte"):
        assert sorted(one.ids[label]) == sorted(two.ids[label])
        assert len(one.ids[label]) == 5
    assert one.thresholds == two.thresholds


# --- copies


def test_the_nearest_is_the_nearest_over_all_poses() -> None:
    real, asked = random_images(9, 1, red=True), random_images(5, 2, red=True)
    image_index = NearestImageIndex(real, PixelDistance())  # type: ignore[arg-type]
    result = image_index.nearest(asked)
    distances = ((poses(asked)[:, :, None] / 255.0 - real[None, None] / 255.0) ** 2).mean(axis=(3, 4, 5))
    np.testing.assert_allclose(result.lpips, distances.min(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_array_equal(result.index, distances.min(axis=0).argmin(axis=1))
    np.testing.assert_array_equal(result.pose, distances.min(axis=2).argmin(axis=0))


def test_bits_are_the_fewest_over_poses_and_images() -> None:
    real, asked = random_images(9, 1, red=True), random_images(5, 2, red=True)
    hashes = [perceptual_hash(np.stack([thumbnail(image) for image in posed])) for posed in (real, *poses(asked))]
    fewest = np.min([np.bitwise_count(one[:, None] ^ hashes[0]).min(axis=1) for one in hashes[1:]], axis=0)
    np.testing.assert_array_equal(NearestImageIndex(real, PixelDistance()).nearest(asked).bits, fewest)  # type: ignore[arg-type]


def test_an_image_is_not_its_own_neighbour_in_any_pose() -> None:
    # Alike in every pose, so that only leaving the image itself out keeps the distance above zero.
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
    # What differs within squares of two pixels is gone at half the side.
    np.testing.assert_allclose(image_index.nearest(noisy).lpips, 0, atol=1e-6)


def test_copies_are_told_by_how_near_real_images_come() -> None:
    distances = {"basophil": found(np.linspace(0.1, 0.2, 101), [10] * 101), "monocyte": found([0.3, 0.3], [6, 6])}
    limits = thresholds({**distances, "smudge_cell": None}, quantile=0.05)
    assert limits["basophil"].lpips == pytest.approx(0.105)
    assert limits["basophil"].note == ""
    # Two images say nothing; nor does one.
    assert limits["monocyte"].lpips == pytest.approx(0.105)
    assert limits["smudge_cell"].lpips == pytest.approx(np.quantile([*np.linspace(0.1, 0.2, 101), 0.3, 0.3], 0.05))
    assert "too few" in limits["monocyte"].note
    assert "too few" in limits["smudge_cell"].note
    assert {limit.bits for limit in limits.values()} == {9}


def test_the_hash_tells_copies_strictly_below_what_real_images_reach() -> None:
    # The few images of one class are far distances by chance; those of the other say what is common.
    distances = {"basophil": found([0.1] * 100, [8] * 100), "monocyte": found([0.1] * 4, [18] * 4)}
    assert {limit.bits for limit in thresholds(distances, quantile=0.01).values()} == {7}


def test_real_images_alike_leave_exact_copies_only() -> None:
    limits = thresholds({"basophil": found([0.0] * 5, [0] * 5)}, quantile=0.01)
    assert (limits["basophil"].lpips, limits["basophil"].bits) == (LEAST_LPIPS, -1)


# --- memory


def test_memory_rows_and_pairs() -> None:
    given, _ = references()
    copies = gate().gate.copies
    generated = {"monocyte": random_images(6, 7, red=False), "basophil": given.pixels[:3, :, ::-1]}
    held_back = Images(random_images(4, 8, red=True), np.array(["basophil", "basophil", "platelet", "basophil"]))
    rows, pairs = memorisation(generated, held_back, copies, most=5, seed=1)
    assert [(row["label"], row["kind"], row["n"]) for row in rows] == [
        ("all", "generated", 8), ("all", "held_back", 3), ("basophil", "generated", 3), ("basophil", "held_back", 3),
        ("monocyte", "generated", 5), ("monocyte", "held_back", 0),
    ]  # fmt: skip
    copied = rows[2]
    assert (copied["copies"], copied["share"], copied["median_distance"]) == (3, 1, 0)
    assert copied["threshold"] == copies.thresholds["basophil"].lpips
    assert copied["low"] < 0.5
    assert (rows[5]["share"], rows[5]["median_distance"], rows[5]["reason"]) == (None, None, "there are no such images")
    assert rows[0]["threshold"] is None
    assert pairs["distance"].is_monotonic_increasing
    assert pairs.head(3)["copy"].all()
    assert set(pairs.loc[pairs["kind"] == "held_back", "image"]) == {0, 1, 3}
    assert len(set(pairs.loc[pairs["label"] == "monocyte", "image"])) == 5
    again = memorisation(generated, held_back, copies, most=5, seed=1)
    assert again[0] == rows
    assert again[1].equals(pairs)
