from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from hemabalance.config.descriptions import described_schema
from hemabalance.config.entries import METHOD_SECTIONS
from hemabalance.config.plan import Plan
from hemabalance.config.run import Config, load_config
from hemabalance.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
BASE: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
OVERLAYS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "profiles/overlays").glob("*.yaml")}


def merged(overlay: dict[str, Any]) -> dict[str, Any]:
    values = deepcopy(BASE)
    update_config(values, overlay)
    return values


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        load_config(values, where="some.yaml")
    assert caught.value.where == "some.yaml"
    return caught.value.problem


def test_config_file_holds_decisions_not_defaults() -> None:
    assert len((ROOT / "config.yaml").read_text().splitlines()) <= 140
    config = load_config(BASE)
    assert config == load_config(merged({}))
    # Entries do not repeat defaults.
    for section, key in METHOD_SECTIONS:
        for name, entry in getattr(getattr(config, section), key).items():
            values = BASE[section][key][name]
            inherited = BASE[section][key][values["like"]] if "like" in values else {}
            fields = type(entry).model_fields
            same = {k for k, value in values.items() if k not in inherited and value == fields[k].default}
            assert same <= {"method", "architecture"}, f"{section}.{key}.{name}"


def test_there_are_overlays() -> None:
    assert {"demo", "sample"} <= set(OVERLAYS)


STAIN_SIZES = {
    "width", "critic_width", "critic_layers", "blocks", "batch", "steps", "log_every", "checkpoint_every",
    "average_decay", "train", "test", "max_images", "kid_subset", "lr", "betas", "fit_images",
}  # fmt: skip
SYNTHESIS_SIZES = STAIN_SIZES | {
    "size", "rare_below", "rich_from", "enough_from", "teacher_images", "latent", "features", "encoder_width",
    "discriminator_width", "critic_steps", "classifier_lr", "episodes", "inner_steps", "shots", "outer_step",
    "adapt_steps", "snapshot_adapt_steps", "snapshots", "feature_mixing", "class_weight",
    "lambda_encoder", "lambda_mode_seeking", "target_per_class", "decay_from", "mining_share",
    "least", "most_times", "references", "resamples", "pairs", "time_mean", "guidance",
    "sampling_steps",
}  # fmt: skip
CLASSIFY_SIZES = {
    "batch", "steps", "lr", "average_decay", "patience", "validate_every", "log_every", "checkpoint_every",
    "input_size", "depths", "groups", "width", "stem",
}  # fmt: skip


MORE_COMPARISONS = {"experiments": {"show_all", "compare", "seeds"}}
"""Overlay that shows more entries, protocols and seeds -> the keys with which it does so."""


def leaves_that_differ(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    keys: set[str] = set()
    for key, value in before.items():
        if isinstance(value, dict):
            keys |= leaves_that_differ(value, after[key])
        elif value != after[key]:
            keys.add(key)
    return keys | (after.keys() - before.keys())


@pytest.mark.parametrize(
    "name", sorted(set(OVERLAYS) - {"across", "answer", "other", "own", "scarcity", "scarcity_full"})
)
def test_overlay_changes_inputs_and_sizes_only(name: str) -> None:
    before, after = load_config(BASE).model_dump(), load_config(merged(OVERLAYS[name])).model_dump()
    assert after["run"] == name
    assert after["sources"].keys() == before["sources"].keys()
    changed = {key for key in before if before[key] != after[key]}
    sections, more = {"images", "stain", "synthesis", "balance", "classify"}, MORE_COMPARISONS.get(name, set())
    assert changed <= {"run", "sources", "phantom", "device", "threads"} | sections | more
    assert leaves_that_differ(before["images"], after["images"]) <= {"size"}
    assert leaves_that_differ(before["stain"], after["stain"]) <= STAIN_SIZES | more
    assert leaves_that_differ(before["synthesis"], after["synthesis"]) <= SYNTHESIS_SIZES | more
    assert leaves_that_differ(before["balance"], after["balance"]) <= {"audit_images"}
    assert leaves_that_differ(before["classify"], after["classify"]) <= CLASSIFY_SIZES | more


def test_the_scarcity_overlay_adds_entries_for_its_recipes_and_else_changes_sizes_only() -> None:
    below = merged(OVERLAYS["sample"])
    alone = deepcopy(below)
    update_config(alone, {"run": "scarcity", "sources": {"tcia": None, "mendeley": {"field": 0.6}}})
    update_config(below, OVERLAYS["scarcity"])
    before, after = load_config(alone).model_dump(), load_config(below).model_dump()
    assert set(after["sources"]) == {"mendeley"}
    assert {key for key in before if before[key] != after[key]} == {"synthesis", "balance", "classify", "scarcity"}
    for section, key in (("synthesis", "generators"), ("balance", "recipes"), ("classify", "models")):
        assert before[section][key] == {name: after[section][key][name] for name in before[section][key]}
        rest = [{name: value for name, value in config[section].items() if name != key} for config in (before, after)]
        assert leaves_that_differ(*rest) <= (SYNTHESIS_SIZES if section == "synthesis" else set())
    assert (after["scarcity"]["n"], after["scarcity"]["draws"], after["scarcity"]["seeds"]) == ((10,), 3, (1, 2, 3))


def test_the_overlay_of_the_answer_shows_fewer_methods_and_else_changes_inputs_and_sizes_only() -> None:
    below = merged(OVERLAYS["demo"])
    before = load_config(deepcopy(below)).model_dump()
    update_config(below, OVERLAYS["answer"])
    after = load_config(below).model_dump()
    assert (after["run"], after["sources"].keys()) == ("demo", before["sources"].keys())
    assert leaves_that_differ(before["sources"], after["sources"]) == {"field"}
    assert leaves_that_differ(before["stain"], after["stain"]) <= STAIN_SIZES | {"shown"}
    assert leaves_that_differ(before["synthesis"], after["synthesis"]) <= SYNTHESIS_SIZES | {
        "normalizer",
        "shown",
        "draws",
        "colour_strength",
    }
    for section, key in (("balance", "recipes"), ("classify", "experiments")):
        added = set(after[section][key]) - set(before[section][key])
        assert added == {"real", "with_flow"}  # the thesis's recipes keep their meaning
    removed = before["classify"]["experiments"].keys() - after["classify"]["experiments"].keys()
    assert {before["classify"]["experiments"][name]["protocol"] for name in removed} == {"thesis"}
    assert after["protocols"] == ("leak_free",)


@pytest.mark.parametrize("overlay", ["own", "other"])
def test_an_overlay_of_one_laboratorys_labels_adds_the_experiment_that_it_recommends(overlay: str) -> None:
    below = merged(OVERLAYS["sample"])
    alone = deepcopy(below)
    update_config(alone, {key: OVERLAYS[overlay][key] for key in ("run", "sources")})
    update_config(below, OVERLAYS[overlay])
    before, after = load_config(alone).model_dump(), load_config(below).model_dump()
    assert len(after["sources"]) == 1
    assert {key for key in before if before[key] != after[key]} <= {"protocols", "images", "classify"}
    for key in ("models", "experiments"):
        assert before["classify"][key] == {name: after["classify"][key][name] for name in before["classify"][key]}
    assert (
        after["classify"]["recommended"] in after["classify"]["experiments"].keys() - before["classify"]["experiments"]
    )


def test_the_overlay_across_laboratories_adds_models_and_rows_and_else_changes_inputs_only() -> None:
    below = merged(OVERLAYS["sample"])
    before = load_config(deepcopy(below)).model_dump()
    update_config(below, OVERLAYS["across"])
    after = load_config(below).model_dump()
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {"run", "protocols", "sources", "images", "stain", "classify", "across"}
    for section, key in (("stain", "normalizers"), ("classify", "models")):
        assert before[section][key] == {name: after[section][key][name] for name in before[section][key]}
    assert after["across"]["rows"].keys() >= {after["across"][role] for role in ("baseline", "leading", "thesis")}


def test_the_network_for_other_laboratories_is_that_of_the_leading_row() -> None:
    models = []
    for overlay in ("other", "across"):
        below = merged(OVERLAYS["sample"])
        update_config(below, OVERLAYS[overlay])
        models.append(load_config(below).classify.models)
    row = OVERLAYS["across"]["across"]["rows"][OVERLAYS["across"]["across"]["leading"]]
    averages = {"average_poses": row["poses"], "average_zooms": tuple(row["zooms"])}
    assert models[0]["mobile"].model_dump() == models[1][row["model"]].model_dump() | averages


def test_the_full_grid_of_the_scarcity_experiment_retrains_nothing_of_the_short_one() -> None:
    config = merged(OVERLAYS["sample"])
    update_config(config, OVERLAYS["scarcity"])
    short = Plan(load_config(deepcopy(config)))
    update_config(config, OVERLAYS["scarcity_full"])
    full = Plan(load_config(config))
    assert (full.config.scarcity.n, full.config.scarcity.draws) == ((10, 30, 100), 5)
    for section, key in (("synthesis", "generators"), ("balance", "recipes"), ("classify", "models")):
        before, after = (getattr(getattr(plan.config, section), key) for plan in (short, full))
        assert before == {name: after[name] for name in before}
    assert set(short.scarcity.trainings) < set(full.scarcity.trainings)
    roles = ("baseline", "line", "control", "ceiling")
    assert all(getattr(short.config.scarcity, role) == getattr(full.config.scarcity, role) for role in roles)
    assert full.config.scarcity.synthesis[0] == short.config.scarcity.synthesis[0]


def test_demo_needs_no_archive() -> None:
    sources = load_config(merged(OVERLAYS["demo"])).sources
    assert {source.origin for source in sources.values()} == {"phantom"}


def test_experiments_under_thesis_use_models_fitted_on_test_images() -> None:
    config = load_config(BASE)
    pooled = {name: entry for name, entry in config.classify.experiments.items() if entry.protocol == "thesis"}
    recipes = {name: config.balance.recipes[entry.recipe] for name, entry in pooled.items()}
    fitted = {name for name, recipe in recipes.items() if config.stain.normalizers[recipe.normalizer].method != "none"}
    assert fitted | {name for name, recipe in recipes.items() if recipe.generators} == pooled.keys()
    assert any(config.classify.experiments[name].shown for name in fitted)


@pytest.mark.parametrize(
    ("overlay", "says"),
    [
        ({"taxonmy": "thesis"}, ["'taxonmy'", "did you mean 'taxonomy'"]),
        ({"zzz": 1}, ["'zzz'", "allowed are run, seed"]),
        ({"images": {"siz": 64}}, ["'images.siz'", "did you mean 'size'"]),
        ({"sources": {"tcia": {"orign": "local"}}}, ["'sources.tcia.orign'", "did you mean 'origin'"]),
        (
            {"sources": {"mendely": {"origin": "local", "archive": "x"}}},
            ["'sources.mendely'", "mean 'mendeley'"],
        ),
        (
            {"sources": {"zzz": {"origin": "local", "archive": "x"}}},
            ["write zzz.classes, labels as found"],
        ),
        ({"sources": {"tcia": {"origin": "web"}}}, ["'web'", "'local', 'download' or 'phantom'"]),
        ({"sources": {"tcia": {"archive": ""}}}, ["sources.tcia.archive is missing", "zip"]),
        ({"taxonomy": "fine"}, ["taxonomy is 'fine'", "preset thesis has thesis, refined"]),
        ({"protocols": ["thesis", "leaky"]}, ["'protocols.1' is 'leaky'", "'leak_free' or 'thesis'"]),
        ({"protocols": ["thesis", "thesis"]}, ["protocols", "twice"]),
        ({"protocols": []}, ["'protocols' is []", "at least 1"]),
        ({"synthesis": {"normalizer": "nobody"}}, ["synthesis.normalizer is 'nobody'", "none, reinhard"]),
        ({"synthesis": {"size": 128}, "images": {"size": 64}}, ["synthesis.size is 128", "images.size 64"]),
        ({"synthesis": {"size": 40}}, ["'synthesis.size' is 40", "multiple of 16"]),
        (
            {"synthesis": {"generators": {"figr": {"compare": ["leaky"]}}}},
            ["'synthesis.generators.figr.compare.0' is 'leaky'", "'leak_free' or 'thesis'"],
        ),
        ({"synthesis": {"generators": {"figr": {"serves": "some"}}}}, ["'synthesis.generators.figr.serves' is 'some'"]),
        ({"synthesis": {"generators": {"figr": {"lambda_encoder": 1.0}}}}, ["figr.lambda_encoder'", "allowed are"]),
        ({"synthesis": {"generators": {"c_wgan_gp": {"teacher": "figr"}}}}, ["c_wgan_gp.teacher is 'figr'"]),
        (
            {"synthesis": {"generators": {"minegan": {"teacher": None}}}},
            ["minegan: the method minegan starts from a trained generator: add `teacher: <name>`"],
        ),
        (
            {"synthesis": {"generators": {"figr": {"teacher": None}, "minegan": {"teacher": "figr"}}}},
            ["minegan.teacher is 'figr' of the method figr, whose", "choose a class-conditional generator of the rich"],
        ),
        (
            {"synthesis": {"generators": {"flow_edit": {"teacher": "c_wgan_gp_all"}}}},
            ["flow_edit.teacher is 'c_wgan_gp_all' of the method c_wgan_gp, whose", "generator of all classes"],
        ),
        (
            {"synthesis": {"generators": {"flow": {"serves": "rich"}}}},
            ["flow_edit.teacher is 'flow' of the method flow, whose", "generator of all classes"],
        ),
        (
            {"synthesis": {"generators": {"flow_edit": {"width": 8}}}},
            ["flow_edit.width is 8, but 64 in its teacher flow", "set width: 64"],
        ),
        (
            {"synthesis": {"generators": {"minegan": {"teacher": "c_wgan_gp_all"}}}},
            ["minegan.teacher is 'c_wgan_gp_all' of the method c_wgan_gp, whose network the method minegan cannot"],
        ),
        *(
            (
                {"synthesis": {"generators": {"minegan": {"teacher": "c_wgan_gp", key: value}}}},
                [f"minegan.{key} is {value}, but {taught} in its teacher c_wgan_gp", f"set {key}: {taught}"],
            )
            for key, value, taught in (("latent", 64, 128), ("width", 16, 64), ("norm", "none", "batch"))
        ),
        (
            {"balance": {"recipes": {"plain": {"normalizer": "x"}}}},
            ["balance.recipes.plain.normalizer names 'x'", "none,"],
        ),
        (
            {"balance": {"recipes": {"balanced": {"rare": "x"}}}},
            ["balance.recipes.balanced.rare names 'x'", "c_wgan_gp"],
        ),
        (
            {"balance": {"recipes": {"balanced": {"size": "images"}}}},
            ["a recipe with generators must have size synthesis"],
        ),
        ({"classify": {"models": {"vgg19": {"widht": 3}}}}, ["'classify.models.vgg19.widht'", "input_size"]),
        ({"classify": {"models": {"senet154": {"groups": 0}}}}, ["'classify.models.senet154.groups' is 0", ">= 1"]),
        ({"classify": {"models": {"senet154": {"method": "x"}}}}, ["classify.models.senet154", "'naive_bayes'"]),
        (
            {"classify": {"ablations": {"full": "nobody"}}},
            ["classify.ablations.full names 'nobody'", "original, balanced"],
        ),
        ({"classify": {"training": {"stesp": 1}}}, ["'classify.training.stesp'", "did you mean 'steps'"]),
        ({"classify": {"experiments": {"plain": {"recipe": "x"}}}}, ["experiments.plain.recipe names 'x'", "original"]),
        ({"classify": {"experiments": {"plain": {"model": "x"}}}}, ["experiments.plain.model is 'x'", "senet154_ge"]),
        ({"classify": {"experiments": {"plain": {"seeds": [1, 1]}}}}, ["experiments.plain.seeds lists a seed twice"]),
        ({"classify": {"comparisons": [{"a": "plain", "b": "original_thesis"}]}}, ["do not have the same test images"]),
        (
            {"classify": {"experiments": {"original_thesis": {"shown": False}}}, "protocols": ["thesis"]},
            ["classify.experiments: no experiment with `shown: true` has a protocol of thesis"],
        ),
        ({"synthesis": {"roles": {"enough_from": 50}}}, ["enough_from 50 is below rare_below 100"]),
        (
            {"synthesis": {"roles": {"rich": ["platelet"], "rare": ["platelet"]}}},
            ["lists platelet as rich and as rare"],
        ),
        ({"images": {"size": -1}}, ["'images.size' is -1", ">= 16 and <= 1024"]),
        ({"images": {"size": "64"}}, ["'images.size' is '64'", "a valid integer"]),
        ({"images": {"size": 64.0}}, ["'images.size' is 64.0", "a valid integer"]),
        ({"images": 64}, ["'images' is 64", "an object"]),
        ({"images": None}, ["'images' is None", "an object"]),
        ({"seed": True}, ["'seed' is True", "a valid integer"]),
        ({"seed": 2**32}, ["'seed' is 4294967296", ">= 0 and < 4294967296"]),
        ({"split": {"test_share": 1.5}}, ["'split.test_share' is 1.5", ">= 0 and < 1"]),
        ({"split": {"validation_share": -0.1}}, ["'split.validation_share'", ">= 0 and < 1"]),
        ({"duplicates": {"min_correlation": nan}}, ["'duplicates.min_correlation' is nan", "finite"]),
        ({"download": {"timeout_s": inf}}, ["'download.timeout_s' is inf", "finite"]),
        ({"run": "My run"}, ["'run' is 'My run'", "should match pattern"]),
        ({"run": "a/b"}, ["'run' is 'a/b'", "should match pattern"]),
        ({"run": 5}, ["'run' is 5", "a valid string"]),
    ],
)
def test_refused_value_is_explained(overlay: dict[str, Any], says: list[str]) -> None:
    problem = refusal(merged(overlay))
    assert [part for part in says if part not in problem] == []
    assert "; " not in problem.replace("; allowed are", "")  # one mistake, one problem


def test_missing_key_is_described() -> None:
    problem = refusal(merged({"classify": {"experiments": {"mine": {"model": "logistic"}}}}))
    assert problem.startswith("'classify.experiments.mine.recipe' is missing: ")


def test_every_mistake_is_named() -> None:
    problem = refusal(merged({"seed": -1, "images": {"fit": "stretch"}, "fase": 1}))
    assert all(part in problem for part in ("'seed'", "'images.fit'", "'fase'"))


def test_whole_number_for_a_fraction() -> None:
    assert load_config(merged({"download": {"timeout_s": 30}})).download.timeout_s == 30.0


def test_run_named_by_a_date() -> None:
    assert load_config(BASE | {"run": date(2022, 11, 1)}).run == "2022-11-01"


def test_sources_may_be_fewer() -> None:
    only = load_config(BASE | {"sources": {"mendeley": None}})
    assert list(only.sources) == ["tcia"]
    assert (only.preset, only.reference, only.other_sources) == ("thesis", "tcia", ())


def leaves(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema["properties"].items():
        if "$ref" not in field and "additionalProperties" not in field:
            yield f"{path}.{name}", field


def test_schema_describes_every_key() -> None:
    schema = described_schema(Config)
    sections = schema["$defs"]
    assert all(section["description"] for section in sections.values())
    fields = dict(leaves(schema, "Config"))
    for name, section in sections.items():
        fields.update(leaves(section, name))
    assert len(fields) > 20
    assert [name for name, field in fields.items() if not field.get("description")] == []


def test_a_correlation_below_the_alignment_threshold_is_refused() -> None:
    with pytest.raises(InputError, match=r"duplicates\.min_correlation.*allowed: > 0\.85 and <= 1"):
        load_config(BASE | {"duplicates": {"min_correlation": 0.5}})
