"""What is measured of generated images, by stand-ins for the networks."""

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from helpers.fake_networks import PixelDistance, RednessClassifier, quadrant_means, random_images
from hemabalance.errors import InputError
from hemabalance.metrics.fid import fid
from hemabalance.metrics.poses import poses
from hemabalance.synthesis.evaluate import EvaluationSet, EvaluationSettings, evaluate
from hemabalance.synthesis.judges import Judges

SETTINGS = EvaluationSettings(neighbours=3, max_images=100, kid_subset=10, resamples=20, pairs=100)
TABLES = ("fidelity", "manifold", "diversity", "nearest", "agreement")
COUNTS = {"basophil": 14, "monocyte": 11}
JUDGES = Judges(quadrant_means, PixelDistance(), RednessClassifier())  # type: ignore[arg-type]


def cells(seed: int, counts: dict[str, int]) -> dict[str, np.ndarray]:
    return {label: random_images(n, seed + k, red=label == "basophil") for k, (label, n) in enumerate(counts.items())}


def side(cells_of: dict[str, np.ndarray], classes: Iterable[str]) -> EvaluationSet:
    """One side of the comparison; classes without an image are there, as they are in a run."""
    pixels = {label: cells_of.get(label, random_images(0, 1, red=True)) for label in classes}
    return EvaluationSet(pixels, {label: quadrant_means(images) for label, images in pixels.items()})


def measured(
    generated: dict[str, np.ndarray] | None = None,
    train: dict[str, np.ndarray] | None = None,
    test: dict[str, np.ndarray] | None = None,
    settings: EvaluationSettings = SETTINGS,
) -> dict[str, Any]:
    generated = cells(30, COUNTS) if generated is None else generated
    train = cells(10, {"basophil": 16, "monocyte": 12}) if train is None else train
    test = cells(20, {"basophil": 10, "monocyte": 13}) if test is None else test
    sides = (side(some, generated) for some in (generated, train, test))
    found = evaluate(*sides, JUDGES, settings, seed=1)
    restored: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return restored


def row(found: dict[str, Any], table: str, label: str, compare: str) -> dict[str, Any]:
    (one,) = (row for row in found[table] if row["label"] == label and row["compare"] == compare)
    return dict(one)


def test_each_table_has_a_row_for_each_class_and_all_and_a_floor_beside_it() -> None:
    found = measured()
    assert set(found) == {*TABLES, "against", "inception_score"}
    for table in TABLES:
        keys = [(one["label"], one["compare"]) for one in found[table]]
        assert keys == [(label, compare) for compare in ("generated", "floor") for label in ("all", *COUNTS)]
        for one in found[table]:
            numbers = {name: value for name, value in one.items() if name not in ("label", "compare", "reason")}
            assert one["reason"] is None
            assert all(value is not None and math.isfinite(value) for value in numbers.values()), one
            for name in numbers:
                if f"{name}_low" in one:
                    assert one[f"{name}_low"] <= one[name] <= one[f"{name}_high"]
    assert found["inception_score"]["value"] is None
    assert "logits" in found["inception_score"]["reason"]


def test_the_floor_is_real_images_in_the_place_of_generated_ones() -> None:
    # Distances are to test images, so training images take the place there; elsewhere it is test images.
    sets = {"train": cells(10, {"basophil": 16, "monocyte": 12}), "test": cells(20, {"basophil": 10, "monocyte": 13})}
    as_floor = measured(**sets)
    for kind, tables in (("train", ("fidelity", "manifold")), ("test", ("diversity", "nearest", "agreement"))):
        as_generated = measured(generated=sets[kind], **sets)
        for table in tables:
            for label in ("all", "basophil", "monocyte"):
                one, other = row(as_floor, table, label, "floor"), row(as_generated, table, label, "generated")
                assert one | {"compare": ""} == other | {"compare": ""}


def test_all_classes_are_mixed_alike_on_both_sides() -> None:
    test, made = cells(20, {"basophil": 16, "monocyte": 10}), cells(30, COUNTS)
    found = measured(generated=made, test=test)
    # Of a class the fewer of both: 14 of 16 and 10 of 11; 16 of 16 and 10 of 12.
    for table in ("fidelity", "manifold"):
        assert [row(found, table, "all", compare)["n_real"] for compare in ("generated", "floor")] == [24, 26]
        of_class = row(found, table, "monocyte", "generated")
        assert (of_class["n_real"], of_class["n_generated"]) == (10, 11)
    # A generator that gives the test images, in another mix of classes, is at a smaller distance.
    copied = measured(generated={"basophil": test["basophil"][:2], "monocyte": test["monocyte"]}, test=test)
    assert row(copied, "fidelity", "all", "generated")["fid"] < row(found, "fidelity", "all", "generated")["fid"]


def test_distances_are_to_the_test_images() -> None:
    train, test = cells(10, {"basophil": 16, "monocyte": 12}), cells(20, {"basophil": 10})
    found = measured(generated={"basophil": test["basophil"][::-1]}, train=train, test=test)
    assert found["against"] == "test"
    assert row(found, "fidelity", "basophil", "generated")["fid"] == pytest.approx(0, abs=1e-6)
    assert row(found, "manifold", "basophil", "generated")["precision"] == 1
    assert row(found, "manifold", "basophil", "generated")["coverage"] == 1
    floor = row(found, "fidelity", "basophil", "floor")
    assert floor["fid"] == pytest.approx(fid(quadrant_means(train["basophil"]), quadrant_means(test["basophil"])).value)


def test_without_test_images_distances_are_to_training_images() -> None:
    train = cells(10, {"basophil": 16})
    found = measured(
        generated={"basophil": train["basophil"][::-1]}, train=train, test={"basophil": train["basophil"][:0]}
    )
    assert found["against"] == "train"
    assert row(found, "fidelity", "basophil", "generated")["fid"] == pytest.approx(0, abs=1e-6)


def test_the_nearest_training_image_is_compared_in_its_pose() -> None:
    train = cells(10, {"basophil": 9})
    turned = np.rot90(train["basophil"], 1, axes=(1, 2))[:, :, ::-1][:4].copy()
    off = turned.copy()
    off[:, :8] += 3
    found = row(measured(generated={"basophil": off}, train=train), "nearest", "basophil", "generated")
    assert found["n"] == 4
    assert found["l1"] == pytest.approx(1.5 / 255, rel=1e-5)
    assert found["l2"] == pytest.approx(4.5 / 255**2, rel=1e-4)
    assert found["psnr"] == pytest.approx(10 * math.log10(255**2 / 4.5), rel=1e-5)
    assert found["lpips"] == pytest.approx(4.5 / 255**2, rel=1e-4)
    assert found["ssim"] > 0.99
    assert not any(np.array_equal(posed, train["basophil"][:4]) for posed in poses(off))


def test_a_generator_that_makes_one_image_has_no_diversity() -> None:
    same = np.repeat(cells(30, {"basophil": 1})["basophil"], 10, axis=0)
    found = measured(generated={"basophil": same, "monocyte": cells(30, COUNTS)["monocyte"]})
    one = row(found, "diversity", "basophil", "generated")
    assert (one["lpips"], one["lpips_low"], one["lpips_high"], one["n"]) == (0, 0, 0, 5)
    assert row(found, "diversity", "basophil", "floor")["lpips"] > 0.01
    assert row(found, "manifold", "basophil", "generated")["recall"] == 0
    # Pairs are of one class each: 5 and 5, of 10 and 11 images.
    assert row(found, "diversity", "all", "generated")["n"] == 10


def test_agreement_counts_the_asked_class() -> None:
    made = {"basophil": np.concatenate([random_images(3, 1, red=True), random_images(1, 2, red=False)])}
    found = measured(generated=made)
    assert row(found, "agreement", "basophil", "generated")["agree"] == 3
    assert row(found, "agreement", "basophil", "generated")["rate"] == 0.75
    assert row(found, "agreement", "all", "floor")["n"] == 10  # the monocytes were not asked for


def test_without_held_back_images_the_floor_is_none_and_says_why() -> None:
    found = measured(test={"basophil": random_images(0, 1, red=True)})
    for table in TABLES:
        for label in ("all", "basophil", "monocyte"):
            floor = row(found, table, label, "floor")
            assert floor["reason"] == "no real image is held back to compare with"
            values = [
                v for k, v in floor.items() if k.endswith(("_low", "_high")) or k in ("fid", "kid", "rate", "low")
            ]
            assert values
            assert set(values) == {None}
            assert row(found, table, label, "generated")["reason"] is None


def test_a_class_of_which_nothing_was_generated_says_so() -> None:
    made = cells(30, {"basophil": 14, "monocyte": 0})
    found = measured(generated=made)
    for table in TABLES:
        assert row(found, table, "monocyte", "generated")["reason"] == "there are no generated images"
        assert row(found, table, "basophil", "generated")["reason"] is None
        assert row(found, table, "all", "generated")["reason"] is None


def test_few_images_have_what_can_be_had_of_them() -> None:
    found = measured(
        generated=cells(30, {"basophil": 3}), train=cells(10, {"basophil": 2}), test=cells(20, {"basophil": 1})
    )
    distance, manifold = (
        row(found, "fidelity", "basophil", "generated"),
        row(found, "manifold", "basophil", "generated"),
    )
    assert (distance["fid"], distance["kid"], distance["fid_low"]) == (None, None, None)
    assert distance["reason"]
    assert (manifold["precision"], manifold["f1"]) == (None, None)
    assert "too few" in manifold["reason"]
    assert row(found, "nearest", "basophil", "generated")["n"] == 3
    assert row(found, "diversity", "basophil", "generated")["n"] == 1


def test_all_classes_together_are_at_most_twice_as_many() -> None:
    found = measured(settings=EvaluationSettings(neighbours=3, max_images=6, kid_subset=5, resamples=10, pairs=2))
    assert row(found, "fidelity", "all", "generated")["n_generated"] == 12
    assert row(found, "fidelity", "basophil", "generated")["n_generated"] == 14
    assert row(found, "diversity", "monocyte", "generated")["n"] == 2


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert measured() == measured()


def test_a_generated_class_needs_real_training_images() -> None:
    with pytest.raises(InputError, match="class monocyte"):
        measured(train=cells(10, {"basophil": 16}))
