"""The opening section of the page: the answer, and what it must not claim."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.classifier_runs import ClassifierRuns, build_run, compare_runs
from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.classify.classifier_results import ClassifierResult
from hemabalance.report.classify.comparison_results import ComparisonResult
from hemabalance.report.classify.headline import headline, read_opening, write_opening


def opening(*results: Any, preset: str = "thesis") -> dict[str, Any]:
    return headline(*results, preset=preset)


def test_the_headline_answers_with_paired_intervals(classifier_run_set: ClassifierRuns, tmp_path: Path) -> None:
    a, b, pooled = (classifier_run_set.runs[name].scored for name in ("balanced", "original", "pooled"))
    content = opening(a, b, classifier_run_set.comparisons[0], [pooled])
    assert content["question"] == "Do synthetic images help a classifier to distinguish blood cells?"
    assert content["answer"].startswith("Yes, on these images. From “original” to “balanced”: accuracy +0.")
    assert (content["n"], content["protocol"], content["seed"]) == (a.n, "leak_free", 1)
    assert [row["metric"] for row in content["rows"]] == ["accuracy", "balanced accuracy", "macro F1"]
    difference = classifier_run_set.comparisons[0].seed(1)["accuracy"]
    expected = "{value:+.4f} ({low:+.4f} to {high:+.4f})".format(**difference)
    assert content["rows"][0]["difference"] == expected
    assert "Over 2 seeds" in " ".join(content["lines"])
    assert "can therefore be higher than on unseen images" in content["why"]
    assert "0.9241" in content["reported"]
    write_opening(content, tmp_path / "h.json")
    assert read_opening(tmp_path / "h.json") == content


def test_the_headline_does_not_say_more_than_was_shown(classifier_run_set: ClassifierRuns) -> None:
    a, b = (classifier_run_set.runs[name].scored for name in ("balanced", "original"))
    turned = opening(replace(b, synthetic=True), replace(a, synthetic=False), classifier_run_set.comparisons[0], [])
    assert turned["answer"].startswith("No, worse on these images. From “balanced” to “original”: accuracy -0.")
    assert (turned["beside"], turned["why"]) == ([], "")
    same = opening(a, a, compare_runs([classifier_run_set.runs["balanced"]], [classifier_run_set.runs["balanced"]]), [])
    assert same["answer"].startswith("Not shown on these images.")
    assert {row["reading"] for row in same["rows"]} == {"no difference shown"}
    assert same["question"] == "Does balanced distinguish blood cells better than balanced?"
    assert "one training each" in " ".join(same["lines"])


def without_synthetic_images(
    classifier_run_set: ClassifierRuns, **changed: Any
) -> tuple[ClassifierResult, ClassifierResult]:
    """Results of both experiments if the gate accepts no image."""
    of, said = (
        classifier_run_set.runs["original"].scored,
        {"images": 4000, "synthetic": 0, "learned_from": "the same", **changed},
    )
    a = replace(of, name="balanced", synthetic=True, training=dict(of.training) | said | {"drawn": 2400})
    return a, replace(of, training={**of.training, "learned_from": "the same"})


def test_the_headline_says_how_many_synthetic_images_were_added(classifier_run_set: ClassifierRuns) -> None:
    a, b = (classifier_run_set.runs[name].scored for name in ("balanced", "original"))
    content = opening(a, b, classifier_run_set.comparisons[0], [])
    assert content["lines"][0] == (
        "“balanced” has 5,000 training images, 1,000 of them synthetic; “original” has 4,000, 0 of them synthetic."
    )
    neither = opening(replace(a, synthetic=False), b, classifier_run_set.comparisons[0], [])
    assert "synthetic" not in " ".join(neither["lines"])


def test_the_headline_of_a_run_in_which_no_synthetic_image_was_accepted(classifier_run_set: ClassifierRuns) -> None:
    a, b = without_synthetic_images(classifier_run_set)
    pair = ComparisonResult(
        "leak_free",
        {
            **compare_runs([classifier_run_set.runs["original"]], [classifier_run_set.runs["original"]]).content,
            "a": "balanced",
        },
    )
    content = opening(a, b, pair, [])
    assert content["question"] == "Do synthetic images help a classifier to distinguish blood cells?"
    assert content["answer"] == (
        "This run cannot say: 0 of 2,400 drawn images entered “balanced” (none passed the gate, or no class was short "
        "of images), so both sets hold the same images and both experiments are the same training."
    )
    assert {row["reading"] for row in content["rows"]} == {"the same training"}
    assert content["lines"][0].startswith("“balanced” has 4,000 training images, 0 of them synthetic")
    assert "McNemar" not in " ".join(content["lines"])


@pytest.mark.parametrize("changed", [{"learned_from": "fewer real images"}, {"synthetic": 1}])
def test_sets_that_differ_are_compared_even_if_few_images_were_added(
    classifier_run_set: ClassifierRuns, changed: dict[str, Any]
) -> None:
    content = opening(*without_synthetic_images(classifier_run_set, **changed), classifier_run_set.comparisons[0], [])
    assert content["answer"].startswith("Yes, on these images.")
    assert content["question"].startswith(
        "Do synthetic images help" if "synthetic" in changed else "Does balanced distinguish"
    )
    assert "McNemar" in " ".join(content["lines"])


def test_the_headline_combines_the_metrics(classifier_run_set: ClassifierRuns) -> None:
    a, b = (classifier_run_set.runs[name].scored for name in ("balanced", "original"))
    comparison = classifier_run_set.comparisons[0]
    row, lower_difference = comparison.seed(1), {"value": -0.1, "low": -0.2, "high": -0.05, "n": a.n}

    def answer_with(**changed: Mapping[str, Any]) -> str:
        rows = [{**row, **changed}]
        answer: str = opening(a, b, ComparisonResult("leak_free", {**comparison.content, "by_seed": rows}), [])[
            "answer"
        ]
        return answer

    assert answer_with(macro_f1=lower_difference).startswith("It depends on the metric.")
    assert answer_with(macro_f1={**lower_difference, "high": 0.05}).startswith("In part, on these images.")
    point = {"value": 0.1, "low": 0.1, "high": 0.1, "n": 3}  # an interval of width zero
    assert "macro F1 +0.1000 (no difference shown)" in answer_with(macro_f1=point)


def test_the_headline_of_a_run_without_test_images(tmp_path: Path) -> None:
    none = build_run(tmp_path, "idle", skill=0, counts={})
    content = opening(none.scored, none.scored, compare_runs([none], [none]), [])
    assert content["answer"].startswith("This run cannot say")
    assert content["rows"][0]["a"] == NOT_AVAILABLE
