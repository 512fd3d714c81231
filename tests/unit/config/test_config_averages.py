"""`classify.averages` and `classify.recommended`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hemabalance.config.plan import ALL, MAIN, Plan
from hemabalance.config.plan_settings import evaluation_settings, model_settings, page_settings
from hemabalance.config.run import load_config
from hemabalance.errors import InputError

BASE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text())
EXPERIMENTS = {
    "a": {"recipe": "original", "model": "logistic", "seeds": [1, 2], "shown": True},
    "b": {"recipe": "balanced", "model": "sequential_cnn", "seeds": [1, 2]},
    "one_seed": {"recipe": "original", "model": "logistic"},
    "leaky": {"recipe": "original", "model": "logistic", "seeds": [1, 2], "protocol": "thesis"},
    "leaky_too": {"recipe": "balanced", "model": "logistic", "seeds": [1, 2], "protocol": "thesis"},
}


def plan(averages: Any, recommended: Any = None, ablations: Any = None, shown: str = "a", **changed: Any) -> Plan:
    experiments = {name: {**entry, "shown": name == shown} for name, entry in EXPERIMENTS.items()}
    classify = {"models": {}, "experiments": experiments, "averages": averages, "recommended": recommended}
    classify["ablations"] = ablations or {}
    return Plan(load_config({**BASE, **changed, "classify": classify}))


def test_members_are_the_experiments_of_the_average() -> None:
    made = plan({"both": ["a", "b"], "removed": None, "leaks": ["leaky", "leaky_too"]})
    assert made.members_of("both") == ("a", "b")
    assert made.averages == ["both", "leaks"]
    assert plan({"leaks": ["leaky", "leaky_too"]}, protocols=["leak_free"]).averages == []


def test_averages_are_on_no_page() -> None:
    assert plan({"both": ["a", "b"]}).pages == plan({}).pages


def test_an_experiment_or_an_average_may_be_recommended() -> None:
    one = plan({"both": ["a", "b"]}, "a", {"full": "b"})
    assert one.recommendation == {"recommended": "a", "thesis": "b"}
    assert [one.is_on(MAIN, name) for name in ("a", "b", "both")] == [True, False, False]
    assert page_settings(one, MAIN)["recommendation"]["thesis"] == {
        "name": "b",
        "members": [{"name": "b", "recipe": "balanced", "model": "sequential_cnn"}],
        "protocol": "leak_free",
        "seeds": [],
    }
    both = plan({"both": ["a", "b"]}, "both")
    assert both.recommendation == {"recommended": "both"}
    settings = page_settings(both, ALL)["recommendation"]["recommended"]
    assert (settings["name"], settings["seeds"]) == ("both", [1, 2])
    assert [member["name"] for member in settings["members"]] == ["a", "b"]
    assert plan({}, ablations={"full": "b"}).recommendation == {}
    unlisted = page_settings(plan({}, "a", protocols=["thesis"], shown="leaky"), MAIN)
    assert unlisted["recommendation"]["recommended"]["seeds"] == []


@pytest.mark.parametrize(
    ("recommended", "expected"),
    [
        ("c", "classify.recommended names 'c', which is not in classify.experiments or classify.averages: a, b, one_"),
        ("leaky", "classify.recommended names 'leaky', of the protocol thesis, under which test images are not unseen"),
        ("leaks", "classify.recommended names 'leaks', of the protocol thesis"),
        (["a"], "'classify.recommended' is ['a']"),
    ],
)
def test_a_wrong_recommendation_is_refused(recommended: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        plan({"leaks": ["leaky", "leaky_too"]}, recommended)
    assert expected in caught.value.problem


def test_the_recommendation_changes_no_training_and_no_page() -> None:
    with_it, without = (plan({"both": ["a", "b"]}, name) for name in ("both", None))
    assert with_it.pages == without.pages
    assert model_settings(with_it, "a", 1, {}) == model_settings(without, "a", 1, {})
    assert evaluation_settings(with_it, "b", 2, {}) == evaluation_settings(without, "b", 2, {})


@pytest.mark.parametrize(
    ("averages", "expected"),
    [
        ({"x": ["a", "c"]}, "classify.averages.x names 'c', which is not in classify.experiments: a, b"),
        ({"x": ["a"]}, "classify.averages.x is ['a']: name two or more experiments, each once"),
        ({"x": []}, "classify.averages.x is []: name two or more"),
        ({"x": ["a", "b", "a"]}, "each once"),
        ({"x": ["a", "leaky"]}, "must have the same protocol, not a: leak_free, leaky: thesis"),
        ({"x": ["a", "one_seed"]}, "must have the same seeds, not a: (1, 2), one_seed: (1,)"),
        ({"a": ["a", "b"]}, "classify.averages.a has the name of an experiment"),
    ],
)
def test_a_wrong_average_is_refused(averages: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(averages)
    assert expected in caught.value.problem
