"""The section `across`: what it refuses, and the trainings and predictions that it expands to."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from hemabalance.config.plan import ALL, Plan
from hemabalance.config.run import load_config
from hemabalance.errors import InputError

BASE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[3] / "config.yaml").read_text())
SECTION: dict[str, Any] = {
    "rows": {
        "raw": {"model": "senet154"},
        "small": {"model": "sequential_cnn", "seeds": [1, 2]},
        "posed": {"model": "senet154", "poses": True, "seeds": [1, 2]},
        "mapped": {"model": "senet154", "normalizer": "reinhard", "zooms": [0.8, 1.25]},
        "both": {"average": ["posed", "small"], "seeds": [1, 2]},
    },
    "baseline": "raw",
    "leading": "both",
    "thesis": "mapped",
}


def plan(changes: dict[str, Any] | None = None, **config: Any) -> Plan:
    section = deepcopy(SECTION)
    update_config(section, changes or {})
    return Plan(load_config({**deepcopy(BASE), "across": section, **config}))


def test_without_rows_nothing_is_planned() -> None:
    empty = Plan(load_config(BASE)).across
    assert not empty.is_planned
    assert (empty.protocols, empty.experiments, empty.seeded_rows) == ([], {}, [])


def test_rows_with_one_model_share_its_trainings() -> None:
    across = plan().across
    assert across.protocols == ["across-mendeley"]
    assert {name: entry.seeds for name, entry in across.experiments.items()} == {
        "across_senet154": (1, 2),
        "across_sequential_cnn": (1, 2),
    }
    assert {entry.recipe for entry in across.experiments.values()} == {"plain"}
    assert across.seeded_rows == [
        ("raw", 1), ("small", 1), ("small", 2), ("posed", 1), ("posed", 2), ("mapped", 1), ("both", 1), ("both", 2)
    ]  # fmt: skip
    assert across.experiments_behind("both") == ["across_senet154", "across_sequential_cnn"]
    assert (across.predicted, across.averages) == (["raw", "small", "posed", "mapped"], ["both"])


LABELLED = {"model": "sequential_cnn", "pseudo_labels": "posed", "seeds": [1, 2]}


def test_rows_with_predicted_labels_have_trainings_of_their_own() -> None:
    more = {"more": LABELLED, "more_posed": {**LABELLED, "poses": True}, "all": {"average": ["raw", "more"]}}
    across = plan({"rows": more}).across
    name = "across_sequential_cnn_by_posed"
    assert across.experiments[name].seeds == (1, 2)
    assert across.teachers == {name: "posed"}
    assert across.experiments_behind("more") == across.experiments_behind("more_posed") == [name, "across_senet154"]
    assert across.experiments_behind("all") == ["across_senet154", name]
    assert across.pseudo_labelled == [("more", 1), ("more", 2), ("more_posed", 1), ("more_posed", 2)]
    assert across.description("more")["pseudo_labels"] == "posed"
    assert plan().across.teachers == {}


def test_a_row_is_described_for_the_report() -> None:
    across = plan().across
    assert across.description("mapped") == {
        "model": "senet154", "normalizer": "reinhard", "poses": False, "zooms": (0.8, 1.25), "statistics": "training",
        "members": (),
    }  # fmt: skip
    assert across.description("both")["members"] == ("posed", "small")


def test_its_experiments_are_on_no_page() -> None:
    assert not [name for name in plan().pages[ALL] if name.startswith("across_")]


def test_a_method_without_entry_is_a_model_with_its_defaults() -> None:
    changed = plan({"rows": {"raw": {"model": "small_resnet"}}})
    assert changed.config.classify.models["small_resnet"].method == "small_resnet"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"raw": {"model": "senet"}}}, "across.rows.raw.model names 'senet', which is not in classify.models"),
        ({"rows": {"raw": {"average": ["small", "posed"]}}}, "across.rows.raw must have either `model` or `average`"),
        ({"rows": {"raw": {"seeds": [1, 1]}}}, "across.rows.raw must name seeds, each once"),
        ({"rows": {"raw": {"seeds": []}}}, "across.rows.raw must name seeds, each once"),
        ({"rows": {"raw": {"zooms": [3.0]}}}, "across.rows.raw.zooms.0. is 3.0 but should be less than or equal to 2"),
        ({"rows": {"both": {"poses": True}}}, "across.rows.both has `average`, and beside it settings"),
        ({"rows": {"both": {"average": ["small"]}}}, "name two or more rows, each once"),
        ({"rows": {"both": {"average": ["small", "bothh"]}}}, "averages 'bothh', which is not among the rows"),
        ({"rows": {"both": {"seeds": [1, 2, 3]}}}, "of which posed has only"),
        ({"leading": "best"}, "across.leading names 'best', which is not in across.rows"),
        ({"recipe": "balanced"}, "across.recipe is 'balanced', whose balanced set has a generator"),
        ({"recipe": "original"}, "whose images are normalised by wcyclegan_gp"),
        ({"recipe": "missing"}, "across.recipe names 'missing', which is not in balance.recipes"),
        ({"rows": {"raw": {"normalizer": "none"}}}, "across.rows.raw.normalizer is 'none', which changes no image"),
        ({"rows": {"mapped": {"normalizer": "rein"}}}, "across.rows.mapped.normalizer names 'rein'"),
        ({"confidence": 1.5}, "across.confidence"),
        ({"rows": {"raw": {"pseudo_labels": "raw"}}}, "across.rows.raw has pseudo_labels of 'raw', which is not among"),
        ({"rows": {"more": {**LABELLED, "pseudo_labels": "both"}}}, "the reference alone: raw, small, posed, mapped"),
        ({"rows": {"more": {**LABELLED, "pseudo_labels": "mapped"}}}, "has the normalizer None, and pseudo_labels of"),
        ({"rows": {"more": {**LABELLED, "seeds": [3]}}}, r"has seeds \[3\], of which posed has only"),
        ({"rows": {"both": {"pseudo_labels": "raw"}}}, "across.rows.both has `average`, and beside it settings"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(changes)


def test_a_normaliser_must_leave_the_reference_untouched() -> None:
    stain = deepcopy(BASE["stain"])
    stain["normalizers"]["reinhard"] = {"direction": "per_class"}
    with pytest.raises(InputError, match="whose direction is 'per_class'"):
        plan(stain=stain)


def test_the_split_that_it_follows_must_be_there() -> None:
    with pytest.raises(InputError, match="across needs the protocol leak_free"):
        plan(protocols=["thesis"])


def test_another_source_with_labels_must_be_there() -> None:
    classes = {name: name for name in ("basophil", "monocyte")}
    sources = {"own": {"archive": "a.zip", "classes": classes}, "other": {"archive": "b.zip", "labels": "none"}}
    with pytest.raises(InputError, match="and of another source, to test on; sources with labels: own"):
        plan(sources=sources)


def test_two_trainings_have_two_folders() -> None:
    classify = deepcopy(BASE["classify"])
    classify["models"]["sequential_cnn_by_posed"] = {"method": "sequential_cnn"}
    rows = {"more": LABELLED, "same": {"model": "sequential_cnn_by_posed"}}
    with pytest.raises(InputError, match="would have the same folder across_sequential_cnn_by_posed: rename"):
        plan({"rows": rows}, classify=classify)


def test_the_names_of_its_experiments_are_its_own() -> None:
    classify = deepcopy(BASE["classify"])
    classify["experiments"]["across_mine"] = {"recipe": "plain", "model": "senet154"}
    with pytest.raises(InputError, match="the name across_mine starts with 'across_'"):
        plan(classify=classify)
