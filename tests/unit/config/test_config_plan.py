from typing import Any

import pytest

from helpers.thesis import CLASSES
from hemabalance.config.plan import ALL, MAIN, Plan
from hemabalance.config.plan_settings import (
    deployment_settings,
    evaluation_settings,
    experiment_description,
    experiment_figure_settings,
    model_settings,
    page_settings,
    recipe_settings,
)
from hemabalance.config.run import REMEDY, load_config
from hemabalance.errors import InputError
from hemabalance.files import canonical_json
from hemabalance.methods import settings_class

GENERATORS = {
    "conditional": {"method": "c_wgan_gp", "serves": "rich"},
    "fewshot": {"method": "fewshot_meta", "serves": "rare", "teacher": "conditional"},
    "for_all": {"method": "fewshot_meta", "serves": "all", "teacher": "conditional"},
    "second": {"method": "figr", "serves": "rare", "teacher": "conditional"},
}
OURS = {"normalizer": "mapped", "rich": "conditional", "rare": "fewshot"}
RECIPES = {
    "real": {"normalizer": "left", "size": "images"},
    "both": OURS,
    "open": {**OURS, "gate": "none"},
    "alone": {"normalizer": "mapped", "rich": "for_all", "rare": "for_all"},
    "students": {"normalizer": "left", "rich": "second", "rare": "fewshot"},
}
MODELS = {
    "small": {"method": "sequential_cnn", "width": 8},
    "ours": {"method": "senet154"},
    "theirs": {"method": "senet154", "gather_excite": False},
    "known": {"method": "timm", "architecture": "resnet50"},
    "line": {"method": "logistic", "C": 0.5},
}
EXPERIMENTS = {
    "both": {"recipe": "both", "model": "ours", "seeds": [3, 4], "shown": True},
    "leaky": {"recipe": "both", "model": "small", "protocol": "thesis", "shown": True},
    "open": {"recipe": "open", "model": "theirs"},
    "real": {"recipe": "real", "model": "ours", "shown": True},
    "alone": {"recipe": "alone", "model": "known", "seeds": [5]},
    "line": {"recipe": "both", "model": "line"},
}
VALUES: dict[str, Any] = {
    "seed": 7,
    "preset": "thesis",
    "sources": {
        "mendeley": {"origin": "local", "archive": "some/folder", "field": 0.8},
        "tcia": {"origin": "local", "archive": "another"},
    },
    "images": {"size": 96},
    "stain": {
        "normalizers": {"left": {"method": "none"}, "mapped": {"method": "reinhard", "direction": "per_class"}},
        "classes": ["platelet", "monocyte"],
    },
    "synthesis": {"normalizer": "mapped", "size": 48, "generators": GENERATORS},
    "balance": {"recipes": RECIPES},
    "classify": {
        "models": MODELS,
        "experiments": EXPERIMENTS,
        "comparisons": [{"a": "both", "b": "real"}, {"a": "line", "b": "both"}],
        "ablations": {"full": "both", "without the gate": "open", "without few-shot": "alone"},
    },
}


def plan(*protocols: str, **classify: Any) -> Plan:
    protocols = protocols or ("leak_free", "thesis")
    return Plan(load_config({**VALUES, "protocols": list(protocols), "classify": {**VALUES["classify"], **classify}}))


def showing(*names: str) -> dict[str, Any]:
    """The experiments, of which these are shown."""
    return {name: {**entry, "shown": name in names} for name, entry in EXPERIMENTS.items()}


# --- which experiments, on which pages


def test_pages_hold_the_experiments_of_the_listed_protocols() -> None:
    assert plan().pages == {MAIN: ["both", "leaky", "real"], ALL: list(EXPERIMENTS)}
    assert plan("leak_free").pages == {MAIN: ["both", "real"], ALL: ["both", "open", "real", "alone", "line"]}
    assert plan("thesis").pages == {MAIN: ["leaky"], ALL: ["leaky"]}
    assert (plan().protocols, plan("thesis").protocols) == (["leak_free", "thesis"], ["thesis"])


def test_comparisons_are_made_where_both_are_on_the_page() -> None:
    assert plan().pairs_on(MAIN) == [("both", "real")]
    assert plan().pairs_on(ALL) == [("both", "real"), ("line", "both"), ("both", "open"), ("both", "alone")]
    assert plan("thesis").pairs_on(ALL) == []


def test_a_comparison_that_is_an_ablation_too_is_made_once() -> None:
    pairs = [{"a": "both", "b": "open"}, {"a": "both", "b": "both"}]
    assert plan(comparisons=pairs).pairs_on(ALL) == [("both", "open"), ("both", "alone")]


def test_ablations_are_shown_with_the_baseline() -> None:
    assert plan().ablations_on(ALL) == {"open": "without the gate", "alone": "without few-shot"}
    assert plan().ablations_on(MAIN) == {}
    assert plan(experiments=showing("both", "open")).ablations_on(MAIN) == {"open": "without the gate"}
    assert plan(experiments=showing("open", "alone")).ablations_on(MAIN) == {}


def test_without_ablations() -> None:
    none = plan(ablations={})
    assert none.ablations_on(ALL) == {}
    assert none.pairs_on(ALL) == [("both", "real"), ("line", "both")]
    assert page_settings(none, ALL)["ablations"] == []


def test_each_balanced_set_of_a_page_is_named_once() -> None:
    assert plan().balanced_on(MAIN) == [("leak_free", "both"), ("thesis", "both"), ("leak_free", "real")]
    assert plan("leak_free").balanced_on(ALL) == [("leak_free", recipe) for recipe in ("both", "open", "real", "alone")]


# --- parts of a recipe


def test_sets_and_size_of_a_recipe() -> None:
    assert plan().sets("real") == ["real"]
    assert plan().sets("both") == ["real", "conditional", "fewshot"]
    assert plan().sets("alone") == ["real", "for_all"]
    assert [plan().size(recipe) for recipe in ("real", "both")] == [96, 48]


def test_teachers_by_student() -> None:
    assert plan().teachers("real") == {}
    assert plan().teachers("both") == {"fewshot": "conditional"}
    assert plan().teachers("students") == {"second": "conditional", "fewshot": "conditional"}


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("real", [("normalizer", "left")]),
        (
            "both",
            [
                ("normalizer", "mapped"),
                ("generator", "conditional"),
                ("gate", "conditional"),
                ("generator", "fewshot"),
                ("gate", "fewshot"),
                ("teacher", "conditional"),
                ("judge", "mapped"),
            ],
        ),
        (
            "open",
            [
                ("normalizer", "mapped"),
                ("generator", "conditional"),
                ("generator", "fewshot"),
                ("teacher", "conditional"),
            ],
        ),
        (
            "students",
            [
                ("normalizer", "left"),
                ("generator", "second"),
                ("gate", "second"),
                ("generator", "fewshot"),
                ("gate", "fewshot"),
                ("teacher", "conditional"),
                ("judge", "left"),
            ],
        ),
    ],
)
def test_every_consumer_of_real_images_is_listed(recipe: str, expected: list[tuple[str, str]]) -> None:
    assert plan().real_image_consumers(recipe) == expected


def test_several_pairs_of_sources_have_a_normaliser_each() -> None:
    three = {
        name: {"archive": f"{name}/", "classes": {"M": "monocyte", "P": "platelet"}}
        for name in ("north", "west", "south")
    }
    stain = {"normalizers": {"left": {"method": "none"}, "mapped": {"method": "reinhard"}}}
    several = Plan(load_config({**VALUES, "sources": three, "stain": stain}))
    assert several.fitted_names("mapped") == {"south": "mapped/south", "west": "mapped/west"}
    assert several.real_image_consumers("open")[:2] == [("normalizer", "mapped/south"), ("normalizer", "mapped/west")]
    assert plan().fitted_names("mapped") == {"tcia": "mapped"}


# --- settings of rules


def test_recipe_settings() -> None:
    settings = recipe_settings(plan(), "both", "thesis")
    assert settings["sets"] == ["real", "conditional", "fewshot"]
    assert settings["lists"] == plan().real_image_consumers("both")
    named = {"name": "both", "protocol": "thesis", "rich": "conditional", "rare": "fewshot", "gated": True}
    named |= {"roles": plan().config.synthesis.roles.model_dump(), "classes": plan().config.classes}
    assert settings["recipe"] == named | {"teachers": {"fewshot": "conditional"}}
    assert settings["balance"] == {
        "target_per_class": 5000,
        "above": "keep",
        "test_share": 0.3,
        "validation_share": 0.1,
    }
    assert settings["audit"]["size"] == 48
    assert settings["audit"]["hash_radius"] == 12
    assert recipe_settings(plan(), "open", "thesis")["recipe"]["gated"] is False


def test_model_settings() -> None:
    settings = model_settings(plan(), "leaky", 3, {})
    assert (settings["training"], settings["precision"], settings["sets"]) == (
        3,
        "32",
        ["real", "conditional", "fewshot"],
    )
    assert (settings["model"]["method"], settings["size"]) == ("sequential_cnn", 48)
    assert settings["model"]["settings"] == settings_class("classify", "sequential_cnn")(width=8).plain
    frozen = model_settings(plan(), "line", 1, {"imagenet_file": "some/file"})
    assert frozen["model"]["settings"] == {"C": 0.5, "input_size": 224, "balanced": True, "imagenet_file": "some/file"}
    assert model_settings(plan(), "real", 1, {})["size"] == 96


def test_model_settings_do_not_depend_on_pages_and_comparisons() -> None:
    other = plan(
        experiments=showing("line"), comparisons=[], ablations={}, evaluation={"out_of_distribution_quantile": 0.9}
    )
    assert model_settings(other, "both", 3, {}) == model_settings(plan(), "both", 3, {})
    assert evaluation_settings(other, "both", 3, {}) == evaluation_settings(plan(), "both", 3, {}) | {"quantile": 0.9}


def test_evaluation_settings_contain_model_deployment_and_protocol() -> None:
    settings = evaluation_settings(plan(), "leaky", 1, {})
    assert settings == settings | model_settings(plan(), "leaky", 1, {}) | deployment_settings(plan(), "leaky", 1)
    assert settings["origin"]["protocol"] == "thesis"
    assert settings["classes"] == list(CLASSES)
    assert (settings["experts"], settings["merging"]) == ({"tcia": 2}, ["tcia"])


def test_deployment_settings_contain_the_image_preparation() -> None:
    settings = deployment_settings(plan(), "both", 4)
    assert settings["origin"] == {"experiment": "both", "recipe": "both", "protocol": "leak_free", "seed": 4}
    assert (settings["frame"]["size"], settings["frame"]["fields"]) == (96, {"mendeley": 0.8, "tcia": 1.0})
    stain = {name: settings["stain"][name] for name in ("name", "method", "direction", "classes")}
    classes = ("platelet", "monocyte")
    assert stain == {"name": "mapped", "method": "reinhard", "direction": "per_class", "classes": classes}
    assert settings["stain"]["settings"] == settings_class("stain", "reinhard")().plain
    assert deployment_settings(plan(), "real", 1)["stain"]["settings"] == {}
    assert settings["originals"] == deployment_settings(plan(), "real", 1)["originals"] == ["mendeley", "tcia"]
    assert settings["limits"]["max_members"] == 200_000
    assert not settings["rendered"]


def test_a_field_may_be_estimated() -> None:
    sources = {**VALUES["sources"], "tcia": {"origin": "phantom", "field": "auto"}}
    config = load_config({**VALUES, "sources": sources})
    assert deployment_settings(Plan(config), "real", 1)["frame"]["fields"] == {"mendeley": 0.8, "tcia": "auto"}


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (1.2, "'sources.tcia.field' is 1.2 but should be less than or equal to 1, or auto"),
        (0.1, "'sources.tcia.field' is 0.1 but should be greater than or equal to 0.3, or auto"),
        ("Auto", "'sources.tcia.field' is 'Auto' but should be a valid number, or auto"),
    ],
)
def test_a_field_that_is_neither_a_share_nor_auto_is_refused(field: object, says: str) -> None:
    sources = {**VALUES["sources"], "tcia": {"origin": "phantom", "field": field}}
    with pytest.raises(InputError) as caught:
        load_config({**VALUES, "sources": sources})
    assert str(caught.value) == f"config.yaml: {says}. {REMEDY}."


def test_deployment_settings_without_stain_normalisation_have_no_direction() -> None:
    assert plan().config.stain.normalizers["left"].direction == "to_a"
    assert deployment_settings(plan(), "real", 1)["stain"]["direction"] == "none"


def test_one_rendered_archive_marks_a_model_as_rendered() -> None:
    sources = {"tcia": {"origin": "phantom", "archive": "x"}, "mendeley": {"origin": "local", "archive": "y"}}
    assert deployment_settings(Plan(load_config({**VALUES, "sources": sources})), "both", 3)["rendered"]


def test_page_settings_contain_comparisons_and_ablations() -> None:
    settings = page_settings(plan(), ALL)
    assert settings["comparisons"][0] == {"names": ("both", "real"), "protocol": "leak_free"}
    assert (settings["baseline"], settings["ablated"]) == (
        "both",
        {"open": "without the gate", "alone": "without few-shot"},
    )


@pytest.mark.parametrize(
    ("experiment", "network", "normalizer", "rich", "rare"),
    [
        ("real", "senet154_ge", "none", None, None),
        ("open", "senet154", "reinhard", "c_wgan_gp", "fewshot_meta"),
        ("alone", "resnet50", "reinhard", "fewshot_meta", "fewshot_meta"),
        ("line", "logistic", "reinhard", "c_wgan_gp", "fewshot_meta"),
    ],
)
def test_experiment_description(experiment: str, network: str, normalizer: str, rich: Any, rare: Any) -> None:
    entry = EXPERIMENTS[experiment]
    assert experiment_description(plan(), experiment) == {
        "name": experiment,
        "model": entry["model"],
        "recipe": entry["recipe"],
        "protocol": "leak_free",
        "network": network,
        "normalizer": normalizer,
        "rich": rich,
        "rare": rare,
    }


def test_page_settings_contain_every_training_and_the_question() -> None:
    settings = page_settings(plan(), MAIN)
    trainings = [(entry["name"], entry["seed"]) for entry in settings["experiments"]]
    assert trainings == [("both", 3), ("both", 4), ("leaky", 1), ("real", 1)]
    assert (settings["question"], list(settings["figures"])) == (("both", "real"), ["both", "leaky", "real"])
    assert page_settings(plan(), ALL)["question"] == ("both", "real")
    assert page_settings(plan("thesis"), MAIN)["question"] is None


def test_page_settings_contain_ablations_that_are_not_run() -> None:
    rows = page_settings(plan("thesis"), MAIN)["ablations"]
    assert [(entry["row"], entry["name"]) for entry in rows] == list(VALUES["classify"]["ablations"].items())


def test_figures_show_the_first_training() -> None:
    expected = {"heading": "both, leak_free, seed 3", "images": "leak_free/mapped"}
    assert experiment_figure_settings(plan(), "both") == page_settings(plan(), MAIN)["figures"]["both"] == expected


def test_real_sets_of_a_page_are_not_repeated() -> None:
    expected = [("leak_free", "mapped"), ("thesis", "mapped"), ("leak_free", "left")]
    assert plan().real_sets_on(MAIN) == expected
    assert plan("leak_free").real_sets_on(ALL) == [("leak_free", "mapped"), ("leak_free", "left")]


def test_all_settings_are_json() -> None:
    complete_plan = plan()
    settings = [recipe_settings(complete_plan, recipe, "leak_free") for recipe in RECIPES]
    for name in EXPERIMENTS:
        settings += [
            model_settings(complete_plan, name, 1, {}),
            deployment_settings(complete_plan, name, 1),
            experiment_figure_settings(complete_plan, name),
        ]
    settings += [page_settings(complete_plan, page) for page in complete_plan.pages]
    assert len({canonical_json(value) for value in settings}) == len(settings)
