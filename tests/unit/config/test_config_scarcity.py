"""The section `scarcity`: what it refuses, and the trainings that it expands to."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from hemabalance.config.plan import ALL, MAIN, Plan
from hemabalance.config.plan_settings import evaluation_settings, model_settings
from hemabalance.config.run import load_config
from hemabalance.errors import InputError

BASE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text())
SECTION: dict[str, Any] = {
    "classes": ["basophil", "monocyte"],
    "n": [10, 30],
    "draws": 2,
    "seeds": [3, 4],
    "recipes": {
        "even": {"recipe": "original", "model": "senet154"},
        "line": {"average": ["even", "other"]},
        "other": {"recipe": "plain", "model": "sequential_cnn"},
        "drawn": {"recipe": "balanced", "model": "naive_bayes"},
        "drawn_line": {"average": ["other", "drawn"]},
        "repeats": {"recipe": "balanced", "model": "senet154"},
    },
    "baseline": "even",
    "line": "line",
    "control": "repeats",
    "synthesis": ["drawn_line", "drawn"],
    "ceiling": "line",
}


def plan(**changes: Any) -> Plan:
    section = deepcopy(SECTION)
    update_config(section, changes)
    return Plan(load_config({**deepcopy(BASE), "scarcity": section}))


# --- the plan


def test_without_classes_nothing_is_planned() -> None:
    empty = Plan(load_config(BASE)).scarcity
    assert not empty.is_planned
    assert (empty.protocols, empty.experiments, empty.averages, empty.trainings) == ({}, {}, {}, [])


def test_each_n_and_draw_is_a_protocol() -> None:
    assert plan().scarcity.protocols == {
        "scarce-10-1": (10, 1), "scarce-10-2": (10, 2), "scarce-30-1": (30, 1), "scarce-30-2": (30, 2)
    }  # fmt: skip


def test_every_recipe_is_trained_in_every_draw_with_every_seed_and_three_on_the_whole_classes() -> None:
    trainings = plan().scarcity.trainings
    cut = [training for training in trainings if training.n is not None]
    assert len(cut) == 6 * 2 * 2 * 2
    assert {training.protocol for training in cut} == set(plan().scarcity.protocols)
    whole = {(t.recipe, t.draw, t.seed, t.protocol) for t in trainings if t.n is None}
    assert whole == {(name, 0, seed, "leak_free") for name in ("even", "line") for seed in (3, 4)}
    assert len({(t.experiment, t.protocol, t.seed) for t in trainings}) == len(trainings)


def test_recipes_are_experiments_that_no_page_lists() -> None:
    planned = plan()
    assert planned.recipe_of("scarcity_other") == "plain"
    assert planned.model_of("scarcity_drawn").method == "naive_bayes"
    assert planned.members_of("scarcity_line") == ("scarcity_even", "scarcity_other")
    for page in (MAIN, ALL):
        assert not [name for name in planned.pages[page] if name.startswith("scarcity_")]
    assert planned.protocols == Plan(load_config(BASE)).protocols


def test_the_protocol_of_a_training_is_noted_with_its_model() -> None:
    assert model_settings(plan(), "scarcity_even", 3, {})["model"]["method"] == "senet154"
    origin = evaluation_settings(plan(), "scarcity_even", 3, {}, protocol="scarce-10-2")["origin"]
    assert origin == {"experiment": "scarcity_even", "recipe": "original", "protocol": "scarce-10-2", "seed": 3}


def test_the_page_shows_what_the_synthesis_recipes_add_in_the_first_draws() -> None:
    planned = plan()
    assert planned.scarcity.first_draws == ["scarce-10-1", "scarce-30-1"]
    assert planned.scarcity.synthesis_sets == ["plain", "balanced"]  # those of the members of the average come first
    generators = ("c_wgan_gp", "fewshot_meta")
    shown = [(protocol, "balanced", name) for protocol in planned.scarcity.first_draws for name in generators]
    assert planned.added_by_scarcity == shown
    assert Plan(load_config(BASE)).added_by_scarcity == []


def test_a_null_entry_removes_a_recipe() -> None:
    changed = plan(recipes={"drawn_line": None}, synthesis=["drawn"])
    assert "scarcity_drawn_line" not in changed.scarcity.averages


# --- refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [1, 2, 1]}, r"scarcity\.seeds lists a value twice: \[1, 2, 1\]"),
        ({"n": [10, 10]}, r"scarcity\.n lists a value twice"),
        ({"classes": ["monocyte", "monocyte"]}, r"scarcity\.classes lists a value twice"),
        ({"n": [0]}, r"'scarcity\.n\.0' is 0 but should be greater than or equal to 1"),
        ({"n": []}, r"scarcity\.n"),
        ({"draws": 0}, r"'scarcity\.draws' is 0"),
        ({"classes": ["basophil", "blast"]}, r"scarcity\.classes names 'blast', which is not in classes: basophil"),
        ({"baseline": "plane"}, r"scarcity\.baseline names 'plane', which is not among scarcity\.recipes: drawn"),
        ({"synthesis": ["flow"]}, r"scarcity\.synthesis\.0 names 'flow'"),
        ({"synthesis": []}, r"scarcity\.synthesis names no recipe"),
        ({"synthesis": ["even"]}, r"scarcity\.synthesis\.0 names even, whose balanced set has no generator"),
        ({"line": "drawn_line"}, r"scarcity\.line names drawn_line, whose balanced set has a generator"),
        (
            {"recipes": {"even": {"recipe": "none"}}},
            r"scarcity\.recipes\.even\.recipe names 'none', which is not in bal",
        ),
        (
            {"recipes": {"even": {"model": "none"}}},
            r"scarcity\.recipes\.even\.model names 'none', which is not in class",
        ),
        ({"recipes": {"even": {"model": None}}}, r"even must have `recipe` and `model`, or `average`"),
        ({"recipes": {"line": {"model": "vgg19"}}}, r"line has `average`, and beside it `recipe` or `model`"),
        ({"recipes": {"line": {"average": ["even"]}}}, r"line\.average is \['even'\]: name two or more recipes"),
        ({"recipes": {"line": {"average": ["even", "drawn_line"]}}}, r"names 'drawn_line', which is not among recipes"),
    ],
)
def test_what_the_section_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(**changes)


def test_the_split_that_is_cut_must_be_a_protocol_of_the_run() -> None:
    with pytest.raises(InputError, match="scarcity needs the protocol leak_free"):
        load_config({**deepcopy(BASE), "scarcity": SECTION, "protocols": ["thesis"]})


def test_no_other_experiment_may_have_the_name_of_a_recipe() -> None:
    values = deepcopy(BASE)
    values["classify"]["experiments"]["scarcity_even"] = {"recipe": "original", "model": "senet154"}
    with pytest.raises(InputError, match="classify: the name scarcity_even starts with 'scarcity_'"):
        load_config({**values, "scarcity": SECTION})
