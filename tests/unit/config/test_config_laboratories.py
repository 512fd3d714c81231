"""Sources, classes and reference of a run: preset, own laboratories, one laboratory."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.thesis import CLASSES
from hemabalance.config.run import Config, load_config
from hemabalance.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
BASE: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
NORTH = {"archive": "north/", "labels": "folders", "classes": {"Seg": "neutrophil", "Blasts": "blast", "Debris": None}}
SOUTH = {"archive": "s.zip", "labels": {"table": "s.csv", "label": "diagnosis", "group": "patient"}}
POOL = {"archive": "pool/", "labels": "none"}


def config(**values: Any) -> Config:
    return load_config({**BASE, **values})


def refusal(**values: Any) -> str:
    with pytest.raises(InputError) as caught:
        config(**values)
    return caught.value.problem


def test_the_preset_gives_sources_classes_and_reference() -> None:
    thesis = config()
    assert (thesis.preset, thesis.classes, thesis.reference, thesis.other_sources) == (
        "thesis", CLASSES, "mendeley", ("tcia",)
    )  # fmt: skip


def test_keys_of_a_source_are_laid_over_the_preset() -> None:
    source = config(sources={"tcia": {"origin": "phantom"}}).sources["tcia"]
    assert source.origin == "phantom"
    assert source.labels.check == "label"


def test_refined_taxonomy_moves_a_subtype() -> None:
    assert config(taxonomy="refined").sources["mendeley"].subtypes == {"ig": {"PMY": "promyelocyte"}}
    assert config().sources["mendeley"].subtypes == {}


def test_own_sources_switch_the_preset_off() -> None:
    # The overlay of the demo mentions the sources of the preset.
    own = config(sources={"mendeley": {"origin": "phantom", "field": 1.0}, "north": NORTH, "pool": POOL})
    assert (own.preset, own.taxonomy, own.stain.classes) == ("none", None, None)
    assert own.classes == ("blast", "neutrophil")
    assert (own.reference, own.other_sources, own.labelled_sources) == ("north", ("pool",), ("north",))


def test_a_source_of_the_preset_can_be_described_anew_beside_own_ones() -> None:
    again = {"archive": "x", "classes": {"neutrophil": "neutrophil"}}
    assert list(config(sources={"mendeley": again, "north": NORTH}).sources) == ["mendeley", "north"]


def test_labels_that_are_class_names_need_no_map() -> None:
    own = config(sources={"north": NORTH, "south": SOUTH}, classes=["neutrophil", "blast"], reference="south")
    assert own.classes == ("blast", "neutrophil")
    assert own.other_sources == ("north",)


def test_one_source_has_the_normalizer_none_and_no_repeated_experiment() -> None:
    alone = config(sources={"north": NORTH})
    assert list(alone.stain.normalizers) == ["none"]
    assert {recipe.normalizer for recipe in alone.balance.recipes.values()} == {alone.synthesis.normalizer} == {"none"}
    assert {"original", "balanced"} <= set(alone.classify.experiments)
    assert "no_stain" not in alone.classify.experiments
    assert "no_stain" not in alone.classify.ablations.values()
    recommending = {**BASE["classify"], "recommended": "no_stain"}
    assert config(sources={"north": NORTH}, classify=recommending).classify.recommended == "balanced"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sources": {"north": {**NORTH, "archive": ""}}}, "sources.north.archive is missing"),
        ({"sources": {"north": NORTH, "pool": {**POOL, "ids": "north"}}}, "ids that start with 'north'"),
        ({"sources": {"pool": POOL}}, "every source has `labels: none`"),
        ({"sources": {"north": {**NORTH, "classes": {"a": "blast"}}}}, "at least two different classes"),
        ({"sources": {"north": NORTH}, "reference": "south"}, "reference is 'south', which is not in sources: north"),
        ({"sources": {"north": NORTH}, "classes": ["blast", "neutrofil"]}, "did you mean 'neutrofil'"),
        ({"sources": {"north": NORTH}, "classes": ["blast", "neutrophil", "x"]}, "'x', which no source has"),
        ({"sources": {"north": {**NORTH, "classes": {"a": "unlabelled", "b": "c"}}}}, "'unlabelled' is a reserved"),
        ({"sources": {"north": {**NORTH, "classes": {"a": "My class", "b": "c"}}}}, "should match pattern"),
        ({"sources": {"north": {**NORTH, "labels": {"label": "x"}}}}, "label needs a table"),
        ({"sources": {"north": {**NORTH, "labels": {"table": "x.csv"}}}}, "no column of the table x.csv is used"),
        ({"sources": {"north": {**NORTH, "labels": {"table": "x", "columns": ["a"], "label": "a"}}}}, "'image' is not"),
        ({"stain": {**BASE["stain"], "classes": ["blast"]}}, "stain.classes names 'blast', which is not in classes"),
        ({"synthesis": {**BASE["synthesis"], "roles": {"rich": ["blast"]}}}, "synthesis.roles.rich names 'blast'"),
    ],
)
def test_laboratories_that_do_not_fit_together(values: dict[str, Any], says: str) -> None:
    assert says in refusal(**values)


@pytest.mark.parametrize("direction", ["to_b", "per_class"])
def test_directions_of_two_domains_need_two_sources(direction: str) -> None:
    normalizers = {**BASE["stain"]["normalizers"], "reinhard": {"direction": direction}}
    stain = {**BASE["stain"], "normalizers": normalizers}
    three = {"north": NORTH, "pool": POOL, "third": POOL}
    assert "needs exactly two sources" in refusal(stain=stain, sources=three)
    south = {**SOUTH, "classes": NORTH["classes"]}
    two = config(stain=stain, sources={"north": NORTH, "south": south})
    assert two.stain.normalizers["reinhard"].direction == direction


def test_per_class_needs_labels_in_both_sources() -> None:
    stain = {**BASE["stain"], "normalizers": {**BASE["stain"]["normalizers"], "reinhard": {"direction": "per_class"}}}
    assert "'per_class', which needs labels in both" in refusal(stain=stain, sources={"north": NORTH, "pool": POOL})


def test_paired_normalisers_are_left_out_where_no_pairs_are_rendered() -> None:
    rendered = {name: {"origin": "phantom", "classes": NORTH["classes"]} for name in ("north", "south", "west")}
    two = {"north": NORTH, "pool": POOL}
    assert "pix2pix" in config().stain.normalizers
    assert "pix2pix" in config(sources=rendered).stain.normalizers
    assert list(BASE["stain"]["normalizers"].keys() - config(sources=two).stain.normalizers) == ["pix2pix"]
    assert "pix2pix" not in config(reference="tcia").stain.normalizers
    recipes = {**BASE["balance"]["recipes"], "plain": {"normalizer": "pix2pix"}}
    says = "balance.recipes.plain.normalizer is 'pix2pix', whose method needs the same cells in both stains"
    assert says in refusal(sources=two, balance={"recipes": recipes})


def test_a_normaliser_is_left_out_with_its_paired_teacher() -> None:
    pupils = {"stainnet": {"teacher": "pix2pix"}, "kept": {"method": "stainnet", "teacher": "reinhard"}}
    stain = {**BASE["stain"], "normalizers": {**BASE["stain"]["normalizers"], **pupils}}
    assert {"stainnet", "kept"} <= config(stain=stain).stain.normalizers.keys()
    two = {"north": NORTH, "pool": POOL}
    left_out = stain["normalizers"].keys() - config(stain=stain, sources=two).stain.normalizers.keys()
    assert left_out == {"pix2pix", "stainnet"}
    recipes = {**BASE["balance"]["recipes"], "plain": {"normalizer": "stainnet"}}
    says = "balance.recipes.plain.normalizer is 'stainnet', whose teacher needs the same cells in both stains"
    assert says in refusal(stain=stain, sources=two, balance={"recipes": recipes})
