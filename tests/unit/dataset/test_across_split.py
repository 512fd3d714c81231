"""The split across sources: halves of other sources' images, whole groups, and who may use what."""

import pandas as pd
import pytest

from helpers.photographs import manifest_from_rows
from hemabalance.classes import UNLABELLED
from hemabalance.dataset.across import across_split, shared_images
from hemabalance.dataset.splits import require_visible, require_visible_stains, split, visible, visible_stains
from hemabalance.errors import InputError
from hemabalance.protocols import across_protocol, labelled_source, rules_of

CLASSES = {"a": ("basophil", "lymphocyte"), "b": ("basophil", "lymphocyte", "smudge_cell"), "c": ("lymphocyte",)}
PROTOCOL = across_protocol("a")


def leak_free(*, images_in_a_group: int = 1, sources: str = "abc") -> pd.DataFrame:
    rows = [
        {"image_id": f"{source}/{label}/{k:04}", "source": source, "label": label}
        | {"group_id": f"{source}/{label}/{k // images_in_a_group:04}"}
        for source in sources
        for label in CLASSES[source]
        for k in range(120)
    ]
    manifest = manifest_from_rows(rows)
    return split(manifest, "leak_free", seed=1, test_share=0.3, validation_share=0.1, min_groups_for_test=5)


def test_the_protocol_has_the_rules_of_leak_free() -> None:
    assert (PROTOCOL, labelled_source(PROTOCOL), rules_of(PROTOCOL)) == ("across-a", "a", "leak_free")
    assert [labelled_source(name) for name in ("leak_free", "scarce-10-1", "across-")] == [None, None, None]


def test_the_labelled_source_keeps_its_parts_and_the_others_are_halved() -> None:
    before = leak_free()
    after = across_split(before, "a", seed=1)
    own = before["source"] == "a"
    assert after[own].equals(before[own])
    parts = after[~own].groupby(["source", "label"])["part"].value_counts().unstack()
    assert list(parts.columns) == ["test", "unlabelled"]
    assert (parts.sum(axis=1) == 120).all()
    assert ((parts["unlabelled"] > 40) & (parts["unlabelled"] < 80)).all()


def test_the_halves_depend_on_the_seed_alone() -> None:
    table = leak_free()
    assert across_split(table, "a", seed=1).equals(across_split(table, "a", seed=1))
    assert not across_split(table, "a", seed=2).equals(across_split(table, "a", seed=1))
    fewer = across_split(leak_free(sources="ab"), "a", seed=1).set_index("image_id")["part"]
    all_sources = across_split(table, "a", seed=1).set_index("image_id")["part"]
    assert all_sources[fewer.index].equals(fewer)


def test_groups_stay_whole() -> None:
    after = across_split(leak_free(images_in_a_group=4), "a", seed=1)
    assert (after.groupby("group_id")["part"].nunique() == 1).all()


def test_only_the_labelled_source_is_trained_on_and_only_normalisers_see_the_unlabelled_half() -> None:
    after = across_split(leak_free(), "a", seed=1)
    assert set(visible(after, PROTOCOL)["source"]) == {"a"}
    stains = visible_stains(after, PROTOCOL)
    assert set(stains["part"]) == {"train", "unlabelled"}
    assert set(stains.loc[stains["source"] != "a", "label"]) == {UNLABELLED}
    unlabelled = after.loc[after["part"] == "unlabelled", "image_id"]
    require_visible_stains(after, unlabelled, PROTOCOL)
    with pytest.raises(InputError, match="are not of train, "):
        require_visible(after, unlabelled, PROTOCOL)
    with pytest.raises(InputError, match="are not of train or unlabelled, "):
        require_visible_stains(after, after.loc[after["part"] == "test", "image_id"], PROTOCOL)


def test_tested_are_the_classes_that_the_labelled_source_is_trained_on() -> None:
    shared = shared_images(across_split(leak_free(), "a", seed=1), "a")
    assert set(shared["source"]) == {"b", "c"}
    assert set(shared["label"]) == {"basophil", "lymphocyte"}
    assert len(shared) == 360


def test_refused_where_nothing_can_be_tested() -> None:
    with pytest.raises(InputError, match="source a: is the only one with images"):
        across_split(leak_free(sources="a"), "a", seed=1)
    table = leak_free()
    other_classes = table[(table["source"] == "a") | (table["label"] == "smudge_cell")].reset_index(drop=True)
    with pytest.raises(InputError, match="source a: has no training image of a class of the other sources"):
        across_split(other_classes, "a", seed=1)


def test_a_group_of_two_sources_is_refused_by_name() -> None:
    table = leak_free()
    chosen = table["image_id"].isin(["a/basophil/0000", "b/basophil/0000"])
    table.loc[chosen, ["group_id", "part"]] = ["patient-1", "train"]
    with pytest.raises(InputError, match="group patient-1: holds images of a and of another source"):
        across_split(table, "a", seed=1)
