"""The line about the recommended experiment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.classifier_runs import COUNTS, PLAIN, build_run
from hemabalance.classify.predictions import codes_of, read_predictions
from hemabalance.errors import InputError
from hemabalance.metrics.classification import balanced_accuracy, confusion
from hemabalance.metrics.run_resampling import seed_weights
from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.classify.headline import read_opening, write_opening
from hemabalance.report.classify.recommendation import ComparedExperiment, recommendation
from hemabalance.report.verdict import GAIN, LOSS

SKILLS = {"weak": 2.0, "strong": 6.0}


def compared(
    folder: Path, name: str, *seeds: int, counts: Mapping[str, int] = COUNTS, **changed: Any
) -> ComparedExperiment:
    """An experiment that is trained with these seeds; without any, it is not on the page."""
    for seed in seeds:
        build_run(folder, name, skill=SKILLS[name], seed=seed, like=PLAIN, counts=counts)
    values: dict[str, Any] = {
        "name": name,
        "members": [{"name": name, "recipe": f"{name}_set", "model": "network"}],
        "protocol": "leak_free",
        "seeds": list(seeds),
        "predictions": [folder / f"{name}-{seed}.parquet" for seed in seeds],
    }
    return ComparedExperiment(**values | changed)


def score(path: Path) -> float:
    table = read_predictions(path)
    classes = sorted(COUNTS)
    codes = [codes_of(table[column], tuple(classes)) for column in ("label", "predicted")]
    return float(balanced_accuracy(confusion(*codes, len(classes))))


def test_the_line_says_what_is_recommended_and_how_much_better_it_is(tmp_path: Path) -> None:
    strong, weak = compared(tmp_path, "strong", 2, 1), compared(tmp_path, "weak", 1, 2)
    content = recommendation(strong, weak, seed=3)
    means = [np.mean([score(path) for path in side.predictions]) for side in (strong, weak)]
    assert content["balanced_accuracy"]["value"] == pytest.approx(means[0])
    difference = content["difference"]
    assert difference["value"] == pytest.approx(means[0] - means[1])
    assert 0 < difference["low"] < difference["value"] < difference["high"]
    assert (content["n"], content["seeds"], content["thesis_seeds"]) == (sum(COUNTS.values()), [1, 2], [1, 2])
    assert (content["recommended"], content["thesis"], content["verdict"]) == ("strong", "weak", GAIN)
    numbers = r"-?\d\.\d{3} \(-?\d\.\d{3} to -?\d\.\d{3}\)"
    pattern = (
        r"Recommended: “strong” \(recipe strong_set, model network\)\. "
        rf"Balanced accuracy {numbers}, n = {sum(COUNTS.values())} test images, 2 trainings\. "
        r"It is better than the thesis's method, “weak” \(recipe weak_set, model network, 2 trainings\): difference "
        rf"{numbers.replace('-?', '[+-]')}, paired, with an interval over trainings and test images\."
    )
    assert re.fullmatch(pattern, content["sentence"]), content["sentence"]
    write_opening(content, tmp_path / "r.json")
    assert read_opening(tmp_path / "r.json") == content


def test_the_line_says_when_it_is_not_better(tmp_path: Path) -> None:
    strong, weak = compared(tmp_path, "strong", 1), compared(tmp_path, "weak", 1)
    worse = recommendation(weak, strong, seed=3)
    assert (worse["verdict"], worse["difference"]["value"] < 0) == (LOSS, True)
    assert "It is worse than the thesis's method, “strong” (" in worse["sentence"]
    assert "1 training." in worse["sentence"]
    assert worse["sentence"].endswith("paired, with an interval over test images.")
    twin = ComparedExperiment("twin", strong.members, "leak_free", strong.seeds, strong.predictions)
    same = recommendation(twin, strong, seed=3)
    assert {same["difference"][end] for end in ("value", "low", "high")} == {0}
    assert "It is not shown to be better than the thesis's method" in same["sentence"]


def test_other_seeds_are_compared_without_pairing_them(tmp_path: Path) -> None:
    content = recommendation(compared(tmp_path, "strong", 1), compared(tmp_path, "weak", 1, 2, 3), seed=3)
    assert (content["seeds"], content["thesis_seeds"], content["verdict"]) == ([1], [1, 2, 3], GAIN)
    assert "model network, 3 trainings)" in content["sentence"]


def test_seed_weights_are_paired_for_the_same_seeds_only() -> None:
    np.testing.assert_array_equal(seed_weights([1, 2], seed=3), seed_weights([1, 2], seed=3))
    assert not np.array_equal(seed_weights([1, 2], seed=3), seed_weights([4, 5], seed=3))
    np.testing.assert_allclose(seed_weights([1, 2, 3], seed=3).sum(axis=1), 1)


def test_a_missing_result_is_said(tmp_path: Path) -> None:
    strong, weak = compared(tmp_path, "strong", 1), compared(tmp_path, "weak", 1)
    absent = compared(tmp_path, "weak")
    content = recommendation(strong, absent, seed=3)
    assert content["balanced_accuracy"] is not None
    assert (content["difference"], content["verdict"]) == (None, None)
    assert (
        "Not compared with the thesis's method, “weak” (recipe weak_set, model network): that is not among"
        in (content["sentence"])
    )
    content = recommendation(absent, strong, seed=3)
    assert (content["balanced_accuracy"], content["n"]) == (None, 0)
    assert f"Balanced accuracy {NOT_AVAILABLE}: not among the experiments of this page" in content["sentence"]
    assert "there is no result of the recommended one" in content["sentence"]
    leaky = compared(tmp_path, "weak", 1, protocol="thesis")
    assert "of the protocol thesis, with other test images" in recommendation(strong, leaky, seed=3)["sentence"]
    assert "It is the thesis's method itself." in recommendation(weak, weak, seed=3)["sentence"]
    assert "the config names no complete method" in recommendation(weak, None, seed=3)["sentence"]


def test_without_a_test_image_nothing_is_measured(tmp_path: Path) -> None:
    content = recommendation(compared(tmp_path, "strong", 1, counts={}), None, seed=3)
    assert f"Balanced accuracy {NOT_AVAILABLE}: no test image." in content["sentence"]


def test_the_members_of_an_average_are_named(tmp_path: Path) -> None:
    members = [{"name": "a", "recipe": "plain", "model": "big"}, {"name": "b", "recipe": "even", "model": "small"}]
    content = recommendation(compared(tmp_path, "strong", 1, members=members), None, seed=3)
    words = "“strong” (the average of “a”: recipe plain, model big; “b”: recipe even, model small)."
    assert words in content["sentence"]


def test_other_test_images_are_refused(tmp_path: Path) -> None:
    strong = compared(tmp_path, "strong", 1)
    fewer = compared(tmp_path, "weak", 1, counts={**COUNTS, "platelet": 3})
    with pytest.raises(InputError, match="is of other test images"):
        recommendation(strong, fewer, seed=3)
