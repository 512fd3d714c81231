"""`classify.averages`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hemabalance.config.plan import Plan
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


def plan(averages: Any, **changed: Any) -> Plan:
    classify = {"models": {}, "experiments": EXPERIMENTS, "averages": averages}
    return Plan(load_config({**BASE, **changed, "classify": classify}))


def test_members_are_the_experiments_of_the_average() -> None:
    made = plan({"both": ["a", "b"], "removed": None, "leaks": ["leaky", "leaky_too"]})
    assert made.members_of("both") == ("a", "b")
    assert made.averages == ["both", "leaks"]
    assert plan({"leaks": ["leaky", "leaky_too"]}, protocols=["leak_free"]).averages == []


def test_averages_are_on_no_page() -> None:
    assert plan({"both": ["a", "b"]}).pages == plan({}).pages


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
