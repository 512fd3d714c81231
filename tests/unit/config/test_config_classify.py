"""`classify.training`, and the `model` of an experiment."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hemabalance.config.plan import Plan
from hemabalance.config.plan_settings import experiment_description, model_settings
from hemabalance.config.run import load_config
from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class
from hemabalance.training.network_classifier_settings import TrainingSettings

BASE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text())
MODELS: dict[str, Any] = BASE["classify"]["models"]


def plan(model: str, models: Any, training: Any = None) -> Plan:
    """The plan of one experiment with the model of this name."""
    experiments = {"new": {"recipe": "original", "model": model, "shown": True}}
    classify = {"models": models, "training": {} if training is None else training, "experiments": experiments}
    return Plan(load_config({**BASE, "classify": classify}))


def settings_of(*arguments: Any) -> dict[str, Any]:
    """Settings of the model in that plan."""
    settings: dict[str, Any] = model_settings(plan(*arguments), "new", 1, {})["model"]["settings"]
    return settings


def test_training_settings_apply_to_all_networks_unless_overridden() -> None:
    models = {**MODELS, "brief": {"like": "vgg19", "steps": 9}}
    plain = {name: settings_of(name, models) for name in models}
    changed = {name: settings_of(name, models, {"steps": 7, "balanced": True}) for name in models}
    networks = models.keys() - {"naive_bayes", "logistic"}
    for name in networks:
        assert changed[name] == plain[name] | {"steps": 9 if name == "brief" else 7, "balanced": True}
    for name in models.keys() - networks:  # logistic has its own setting `balanced`
        assert changed[name] == plain[name]


@pytest.mark.parametrize("method", method_names("classify"))
def test_an_experiment_may_name_a_method(method: str) -> None:
    """One entry is enough to run a new method."""
    model = settings_class("classify", method)
    assert settings_of(method, {}) == model().plain
    assert settings_of(method, {}, {"lr": 0.5}) == model().plain | (
        {"lr": 0.5} if issubclass(model, TrainingSettings) else {}
    )
    assert experiment_description(plan(method, {}), "new")["model"] == method


def test_a_model_takes_precedence_over_a_method_of_its_name() -> None:
    assert settings_of("timm", {"timm": {"method": "naive_bayes", "side": 3}})["side"] == 3


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"stepz": 7}, ["unknown key 'classify.training.stepz', did you mean 'steps'"]),
        ({"batch": 1}, ["'classify.training.batch' is 1", ">= 2"]),
        ({"balanced": "rot"}, ["'classify.training.balanced' is 'rot' but should be True, False or 'root'"]),
        ([7], ["'classify.training' is [7]", "an object"]),
    ],
)
def test_an_error_in_training_is_reported_once(training: Any, expected: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        plan("vgg19", MODELS, training)
    assert [part for part in expected if part not in caught.value.problem] == []
    assert "; " not in caught.value.problem


@pytest.mark.parametrize(
    ("classify", "expected"),
    [
        ({"models": None}, "'classify.models' is None but should be an object"),
        ({"models": [1]}, "'classify.models' is [1] but should be an object"),
        ({"models": {"x": 3}}, "'classify.models.x' is 3 but should be an object"),
        ({"experiments": {"new": {"recipe": "original", "model": ["timm"]}}}, "'classify.experiments.new.model' is"),
        (
            {"experiments": {"new": {"recipe": "original", "model": "x"}}},
            "model is 'x', which is not in classify.models",
        ),
        ({"experiments": {}}, "'classify.experiments' is {}"),
        (
            {"experiments": {"new": {"recipe": "original", "model": "timm"}}},
            "classify.experiments: no experiment with `shown: true` has a protocol of leak_free, thesis",
        ),
    ],
)
def test_refused_values_are_explained(classify: dict[str, Any], expected: str) -> None:
    minimal = {"models": {}, "experiments": {"new": {"recipe": "original", "model": "timm", "shown": True}}}
    with pytest.raises(InputError) as caught:
        load_config({**BASE, "classify": {**minimal, **classify}})
    assert expected in caught.value.problem
