"""Measurements of generated images, with simple substitutes for the networks."""

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


def evaluation_set(images_by_class: dict[str, np.ndarray], classes: Iterable[str]) -> EvaluationSet:
    """One set of the comparison; classes without images have empty arrays, as in a run."""
    pixels = {label: images_by_class.get(label, random_images(0, 1, red=True)) for label in classes}
    return EvaluationSet(pixels, {label: quadrant_means(images) for label, images in pixels.items()})


def measure(
    generated: dict[str, np.ndarray] | None = None,
    train: dict[str, np.ndarray] | None = None,
    test: dict[str, np.ndarray] | None = None,
    settings: EvaluationSettings = SETTINGS,
    roles: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    generated = cells(30, COUNTS) if generated is None else generated
    train = cells(10, {"basophil": 16, "monocyte": 12}) if train is None else train
    test = cells(20, {"basophil": 10, "monocyte": 13}) if test is None else test
    sets = (evaluation_set(images, generated) for images in (generated, train, test))
    result = evaluate(*sets, JUDGES, settings, roles=roles or {}, seed=1)
    restored: dict[str, Any] = json.loads(json.dumps(result, allow_nan=False))
    return restored


def row(result: dict[str, Any], table: str, label: str, compare: str) -> dict[str, Any]:
    (match,) = (row for row in result[table] if row["label"] == label and row["compare"] == compare)
    return dict(match)


def test_each_table_has_rows_for_all_and_each_class_with_a_floor() -> None:
    result = measure()
    assert set(result) == {*TABLES, "against", "inception_score"}
    for table in TABLES:
        keys = [(entry["label"], entry["compare"]) for entry in result[table]]
        assert keys == [(label, compare) for compare in ("generated", "floor") for label in ("all", *COUNTS)]
        for values in result[table]:
            numbers = {name: value for name, value in values.items() if name not in ("label", "compare", "reason")}
            assert values["reason"] is None
            assert all(value is not None and math.isfinite(value) for value in numbers.values()), values
            for name in numbers:
                if f"{name}_low" in values:
                    assert values[f"{name}_low"] <= values[name] <= values[f"{name}_high"]
    assert result["inception_score"]["value"] is None
    assert "logits" in result["inception_score"]["reason"]


def test_the_floor_measures_real_images_like_generated_ones() -> None:
    # Distances refer to test images, so the floor is training images there; elsewhere the floor is test images.
    sets = {"train": cells(10, {"basophil": 16, "monocyte": 12}), "test": cells(20, {"basophil": 10, "monocyte": 13})}
    as_floor = measure(**sets)
    for kind, tables in (("train", ("fidelity", "manifold")), ("test", ("diversity", "nearest", "agreement"))):
        as_generated = measure(generated=sets[kind], **sets)
        for table in tables:
            for label in ("all", "basophil", "monocyte"):
                floor, generated = row(as_floor, table, label, "floor"), row(as_generated, table, label, "generated")
                assert floor | {"compare": ""} == generated | {"compare": ""}


def test_all_has_the_same_class_mix_in_both_sets() -> None:
    test, generated = cells(20, {"basophil": 16, "monocyte": 10}), cells(30, COUNTS)
    result = measure(generated=generated, test=test)
    # The smaller count of each class: 14 of 16 and 10 of 11; 16 of 16 and 10 of 12.
    for table in ("fidelity", "manifold"):
        assert [row(result, table, "all", compare)["n_real"] for compare in ("generated", "floor")] == [24, 26]
        class_row = row(result, table, "monocyte", "generated")
        assert (class_row["n_real"], class_row["n_generated"]) == (10, 11)
    # A generator of the test images themselves, in another class mix, has a smaller distance.
    copied = measure(generated={"basophil": test["basophil"][:2], "monocyte": test["monocyte"]}, test=test)
    assert row(copied, "fidelity", "all", "generated")["fid"] < row(result, "fidelity", "all", "generated")["fid"]


def test_distances_are_to_the_test_images() -> None:
    train, test = cells(10, {"basophil": 16, "monocyte": 12}), cells(20, {"basophil": 10})
    result = measure(generated={"basophil": test["basophil"][::-1]}, train=train, test=test)
    assert result["against"] == "test"
    assert row(result, "fidelity", "basophil", "generated")["fid"] == pytest.approx(0, abs=1e-6)
    assert row(result, "manifold", "basophil", "generated")["precision"] == 1
    assert row(result, "manifold", "basophil", "generated")["coverage"] == 1
    floor = row(result, "fidelity", "basophil", "floor")
    assert floor["fid"] == pytest.approx(fid(quadrant_means(train["basophil"]), quadrant_means(test["basophil"])).value)


def test_without_test_images_distances_are_to_training_images() -> None:
    train = cells(10, {"basophil": 16})
    result = measure(
        generated={"basophil": train["basophil"][::-1]}, train=train, test={"basophil": train["basophil"][:0]}
    )
    assert result["against"] == "train"
    assert row(result, "fidelity", "basophil", "generated")["fid"] == pytest.approx(0, abs=1e-6)


def test_the_nearest_training_image_is_compared_in_its_pose() -> None:
    train = cells(10, {"basophil": 9})
    turned = np.rot90(train["basophil"], 1, axes=(1, 2))[:, :, ::-1][:4].copy()
    shifted = turned.copy()
    shifted[:, :8] += 3
    result = row(measure(generated={"basophil": shifted}, train=train), "nearest", "basophil", "generated")
    assert result["n"] == 4
    assert result["l1"] == pytest.approx(1.5 / 255, rel=1e-5)
    assert result["l2"] == pytest.approx(4.5 / 255**2, rel=1e-4)
    assert result["psnr"] == pytest.approx(10 * math.log10(255**2 / 4.5), rel=1e-5)
    assert result["lpips"] == pytest.approx(4.5 / 255**2, rel=1e-4)
    assert result["ssim"] > 0.99
    assert not any(np.array_equal(posed, train["basophil"][:4]) for posed in poses(shifted))


def test_identical_images_have_no_diversity() -> None:
    same = np.repeat(cells(30, {"basophil": 1})["basophil"], 10, axis=0)
    result = measure(generated={"basophil": same, "monocyte": cells(30, COUNTS)["monocyte"]})
    diversity = row(result, "diversity", "basophil", "generated")
    assert (diversity["lpips"], diversity["lpips_low"], diversity["lpips_high"], diversity["n"]) == (0, 0, 0, 5)
    assert row(result, "diversity", "basophil", "floor")["lpips"] > 0.01
    assert row(result, "manifold", "basophil", "generated")["recall"] == 0
    # Pairs within a class: 5 and 5, of 10 and 11 images.
    assert row(result, "diversity", "all", "generated")["n"] == 10


def test_agreement_counts_the_requested_class() -> None:
    generated = {"basophil": np.concatenate([random_images(3, 1, red=True), random_images(1, 2, red=False)])}
    result = measure(generated=generated)
    assert row(result, "agreement", "basophil", "generated")["agree"] == 3
    assert row(result, "agreement", "basophil", "generated")["rate"] == 0.75
    assert row(result, "agreement", "all", "floor")["n"] == 10  # monocytes are not generated


def test_without_held_back_images_the_floor_has_no_values_but_a_reason() -> None:
    result = measure(test={"basophil": random_images(0, 1, red=True)})
    for table in TABLES:
        for label in ("all", "basophil", "monocyte"):
            floor = row(result, table, label, "floor")
            assert floor["reason"] == "no real image is held back to compare with"
            values = [
                v for k, v in floor.items() if k.endswith(("_low", "_high")) or k in ("fid", "kid", "rate", "low")
            ]
            assert values
            assert set(values) == {None}
            assert row(result, table, label, "generated")["reason"] is None


def test_a_class_without_generated_images_has_a_reason() -> None:
    generated = cells(30, {"basophil": 14, "monocyte": 0})
    result = measure(generated=generated)
    for table in TABLES:
        assert row(result, table, "monocyte", "generated")["reason"] == "there are no generated images"
        assert row(result, table, "basophil", "generated")["reason"] is None
        assert row(result, table, "all", "generated")["reason"] is None


def test_few_images_give_the_measures_that_are_defined() -> None:
    result = measure(
        generated=cells(30, {"basophil": 3}), train=cells(10, {"basophil": 2}), test=cells(20, {"basophil": 1})
    )
    distance, manifold = (
        row(result, "fidelity", "basophil", "generated"),
        row(result, "manifold", "basophil", "generated"),
    )
    assert (distance["fid"], distance["kid"], distance["fid_low"]) == (None, None, None)
    assert distance["reason"]
    assert (manifold["precision"], manifold["f1"]) == (None, None)
    assert "too few" in manifold["reason"]
    assert row(result, "nearest", "basophil", "generated")["n"] == 3
    assert row(result, "diversity", "basophil", "generated")["n"] == 1


def test_all_has_at_most_twice_the_images_of_a_class() -> None:
    result = measure(settings=EvaluationSettings(neighbours=3, max_images=6, kid_subset=5, resamples=10, pairs=2))
    assert row(result, "fidelity", "all", "generated")["n_generated"] == 12
    assert row(result, "fidelity", "basophil", "generated")["n_generated"] == 14
    assert row(result, "diversity", "monocyte", "generated")["n"] == 2


@pytest.mark.parametrize("with_rare_test_images", [True, False])
def test_a_role_is_measured_like_a_generator_of_its_classes_alone(with_rare_test_images: bool) -> None:
    counts = {"basophil": 14, "monocyte": 11, "platelet": 12}
    test = cells(20, {"basophil": 10, "monocyte": 13} | ({"platelet": 9} if with_rare_test_images else {}))
    sets = {"generated": cells(30, counts), "train": cells(10, dict.fromkeys(counts, 16)), "test": test}
    settings = EvaluationSettings(neighbours=3, max_images=9, kid_subset=5, resamples=10, pairs=4)
    roles = {"rich": ["basophil", "monocyte"], "rare": ["platelet"]}
    whole = measure(**sets, settings=settings, roles=roles)
    assert list(whole["roles"]) == ["rich", "rare"]
    for role, members in roles.items():
        part, of_role = {label: sets["generated"][label] for label in members}, whole["roles"][role]
        alone = measure(**sets | {"generated": part}, settings=settings)
        assert of_role.pop("classes") == members
        assert of_role.pop("against") == alone["against"]
        assert of_role == {table: [values for values in alone[table] if values["label"] == "all"] for table in TABLES}
    assert whole["roles"]["rich"]["fidelity"] != [values for values in whole["fidelity"] if values["label"] == "all"]
    without_roles = measure(**sets, settings=settings)
    assert whole == without_roles | {"roles": whole["roles"]}


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert measure() == measure()


def test_a_generated_class_needs_real_training_images() -> None:
    with pytest.raises(InputError, match="class monocyte"):
        measure(train=cells(10, {"basophil": 16}))
