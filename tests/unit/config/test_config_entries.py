"""Entries that select a method and its settings."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from hemabalance.config.descriptions import field_descriptions
from hemabalance.config.entries import resolve_entries
from hemabalance.config.plan import ALL, MAIN, Plan
from hemabalance.config.run import load_config
from hemabalance.errors import InputError
from hemabalance.methods import method_names, settings_class

BASE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text())


def with_normalizers(**entries: Any) -> dict[str, Any]:
    values = deepcopy(BASE)
    values["stain"]["normalizers"] |= entries
    return values


def refusal(**entries: Any) -> str:
    with pytest.raises(InputError) as caught:
        load_config(with_normalizers(**entries), where="some.yaml")
    assert caught.value.where == "some.yaml"
    return caught.value.problem


def test_an_entry_named_after_its_method_needs_no_key() -> None:
    for name, entry in load_config(BASE).stain.normalizers.items():
        assert entry.method == name
        assert entry.method_settings("stain") == settings_class("stain", name)()
        assert entry.compare == ("leak_free",)


def test_two_entries_of_one_method_have_independent_settings() -> None:
    thesis = {"method": "wcyclegan_gp", "residual": False, "up": "transposed", "adversarial_weight": 1.0}
    entries = load_config(with_normalizers(wcyclegan_thesis=thesis)).stain.normalizers
    default, thesis_form = (
        entries[name].method_settings("stain").plain for name in ("wcyclegan_gp", "wcyclegan_thesis")
    )
    differ = {key: (default[key], thesis_form[key]) for key in default if default[key] != thesis_form[key]}
    assert differ == {"residual": (True, False), "up": ("resize", "transposed"), "adversarial_weight": (0.1, 1.0)}


def test_like_inherits_the_keys_of_another_entry() -> None:
    entries = {
        "first": {"method": "cyclegan", "width": 8, "blocks": 2, "direction": "to_b"},
        "second": {"like": "first", "blocks": 3},
        "third": {"like": "second", "compare": []},
        "cyclegan_again": {"like": "cyclegan"},
    }
    normalizers = load_config(with_normalizers(**entries)).stain.normalizers
    third: Any = normalizers["third"]
    assert (third.method, third.width, third.blocks, third.direction, third.compare) == ("cyclegan", 8, 3, "to_b", ())
    assert normalizers["cyclegan_again"].method_settings("stain") == normalizers["cyclegan"].method_settings("stain")


def test_several_pupils_may_have_their_own_teachers() -> None:
    entries = {"stainnet": {"teacher": "wcyclegan_gp"}, "other": {"like": "stainnet", "teacher": "macenko"}}
    normalizers = load_config(with_normalizers(**entries)).stain.normalizers
    assert [normalizers[name].teacher for name in entries] == ["wcyclegan_gp", "macenko"]
    assert normalizers["other"].method_settings("stain") == normalizers["stainnet"].method_settings("stain")


def test_an_overlay_can_remove_an_entry() -> None:
    assert "vahadane" not in load_config(with_normalizers(vahadane=None)).stain.normalizers
    values = deepcopy(BASE)
    values["classify"]["experiments"]["vgg19_balanced"] = None
    values["balance"]["recipes"]["plain"] = values["classify"]["experiments"]["plain"] = None
    values["classify"]["comparisons"].remove({"a": "original", "b": "plain"})
    values["classify"]["recommended"] = None
    config = load_config(values)
    assert not {"plain", "vgg19_balanced"} & {*config.classify.experiments, *config.balance.recipes}


def test_compared_entries_are_in_the_order_of_the_config() -> None:
    changed = {"reinhard": {"compare": ["leak_free", "thesis"]}, "macenko": {"compare": []}}
    plan = Plan(load_config(with_normalizers(**changed)))
    assert plan.normalizers_on(ALL, "thesis") == ["reinhard"]
    listed = [name for name in plan.config.stain.normalizers if name != "macenko"]
    assert plan.normalizers_on(ALL, "leak_free") == listed


def test_an_entry_that_is_not_shown_is_on_the_page_of_all_experiments_only() -> None:
    values = deepcopy(BASE)
    values["synthesis"]["generators"]["cwgan_gp"] = {"shown": False}
    for plan in (Plan(load_config(values)), Plan(load_config(with_normalizers(vahadane={"shown": False})))):
        main = [*plan.normalizers_on(MAIN, "leak_free"), *plan.generators_on(MAIN, "leak_free")]
        every = [*plan.normalizers_on(ALL, "leak_free"), *plan.generators_on(ALL, "leak_free")]
        hidden = set(every) - set(main)
        assert hidden & {"cwgan_gp", "vahadane"}
        assert set(main) < set(every)
        values["show_all"] = True
        everything = Plan(load_config(values))
        assert everything.pages[MAIN] == everything.pages[ALL]
        assert everything.generators_on(MAIN, "leak_free") == everything.generators_on(ALL, "leak_free")


def test_a_generator_that_no_recipe_uses_makes_the_least_images() -> None:
    plan = Plan(load_config(BASE))
    draws = plan.config.synthesis.draws
    assert plan.draws("c_wgan_gp") == draws
    assert plan.draws("figr").max_draws(real=3) == draws.least < draws.max_draws(real=3)


def test_a_generator_takes_the_settings_of_the_network_that_it_starts_from() -> None:
    values = deepcopy(BASE)
    values["synthesis"]["generators"] |= {
        "c_wgan_gp": {"latent": 32, "norm": "none", "critic_width": 8},
        "small": {"like": "c_wgan_gp", "width": 12},
        "minegan": {"teacher": "small", "width": 12},
    }
    mined: Any = load_config(values).synthesis.generators["minegan"]
    assert (mined.latent, mined.width, mined.norm, mined.critic_width) == (32, 12, "none", 64)
    fewshot: Any = load_config(values).synthesis.generators["fewshot_meta"]
    assert fewshot.latent == settings_class("synthesis", "fewshot_meta")().latent  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"mine": {}}, "'stain.normalizers.mine.method' is 'mine' but should be one of 'cyclegan', 'macenko'"),
        ({"mine": {"method": "nobody"}}, "'stain.normalizers.mine.method' is 'nobody' but should be one of"),
        (
            {"mine": {"like": "nobody"}},
            "stain.normalizers.mine.like is 'nobody', which is not one of the other entries: none",
        ),
        ({"mine": {"like": "mine"}}, "stain.normalizers.mine.like is 'mine', which is not one of the other entries"),
        ({"one": {"like": "two"}, "two": {"like": "one"}}, "which is not one of the other entries"),
        ({"cyclegan": {"blokcs": 2}}, "unknown key 'stain.normalizers.cyclegan.blokcs', did you mean 'blocks'"),
        ({"reinhard": {"blocks": 2}}, "unknown key 'stain.normalizers.reinhard.blocks'; allowed are method, like"),
        ({"cyclegan": {"blocks": 13}}, "'stain.normalizers.cyclegan.blocks' is 13 but should be less than"),
        ({"cyclegan": {"blocks": 13}}, "(allowed: >= 1 and <= 12)"),
        ({"cyclegan": {"betas": [0.5, 1.0]}}, "'stain.normalizers.cyclegan.betas.1' is 1.0 but should be less than 1"),
        ({"cyclegan": {"width": "8"}}, "'stain.normalizers.cyclegan.width' is '8' but should be a valid integer"),
        ({"cyclegan": {"compare": ["leaky"]}}, "'stain.normalizers.cyclegan.compare.0' is 'leaky'"),
        ({"cyclegan": 5}, "'stain.normalizers.cyclegan' is 5 but should"),
        ({"stainnet": {}}, "stain.normalizers.stainnet.teacher is missing, and the method stainnet learns to imitate"),
        ({"stainnet": {}}, "choose one of reinhard, macenko, vahadane, pix2pix, cyclegan"),
        ({"stainnet": {"teacher": "nobody"}}, "stainnet.teacher is 'nobody', which is not a normaliser that"),
        (
            {"stainnet": {"teacher": "none"}},
            "stainnet.teacher is 'none', which is not a normaliser that changes images",
        ),
        ({"stainnet": {"teacher": "stainnet"}}, "stainnet.teacher is 'stainnet', which is not a normaliser that"),
        (
            {"stainnet": {"teacher": "second"}, "second": {"method": "stainnet", "teacher": "cyclegan"}},
            "stainnet.teacher is 'second', which is not a normaliser that changes images and has no teacher itself",
        ),
        (
            {"reinhard": {"teacher": "cyclegan"}},
            "reinhard.teacher is 'cyclegan', but the method reinhard learns from no",
        ),
    ],
)
def test_a_wrong_entry_is_explained(entries: dict[str, Any], says: str) -> None:
    assert says in refusal(**entries)


def test_values_of_another_type_are_left_to_the_validation() -> None:
    assert resolve_entries({"stain": 5})["stain"] == 5
    assert resolve_entries({"stain": {"normalizers": [1]}})["stain"] == {"normalizers": [1]}


@pytest.mark.parametrize("stage", ["stain", "synthesis", "classify"])
def test_every_setting_of_every_method_is_described_and_has_a_default(stage: str) -> None:
    for method in method_names(stage):
        model = settings_class(stage, method)
        model()
        assert model.__doc__
        assert list(model.model_fields) == list(field_descriptions(model))


@pytest.mark.parametrize("stage", ["stain", "synthesis", "classify"])
def test_a_setting_is_defined_in_one_file(stage: str) -> None:
    """A method may override the default of a setting of its base class, but not repeat the setting unchanged."""
    for method in method_names(stage):
        model = settings_class(stage, method)
        for name, field in model.model_fields.items():
            bases = [base for base in model.__mro__[1:] if name in getattr(base, "__annotations__", {})]
            redefined = name in model.__annotations__ and bases
            assert not redefined or bases[0].model_fields[name].default != field.default, (
                f"{method}.{name} is defined twice"
            )  # type: ignore[attr-defined]
