"""The split of a scarce protocol: n training images are kept, the others withheld, the test part stays whole."""

import re
from typing import Any

import pandas as pd
import pytest

from helpers.photographs import manifest_from_rows
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.scarcity import scarce_split
from hemabalance.dataset.splits import require_visible, split, visible
from hemabalance.errors import InputError
from hemabalance.protocols import rules_of, scarce_numbers, scarce_protocol
from hemabalance.synthesis.data import roles_of

FILLED = {"basophil": 300, "lymphocyte": 200, "platelet": 250}
SCARCE = ("basophil", "lymphocyte")


def leak_free(counts: dict[str, int] = FILLED, *, images_in_a_group: int = 1) -> pd.DataFrame:
    rows = [
        {"image_id": f"a/{label}/{k:04}", "label": label, "group_id": f"a/{label}/{k // images_in_a_group:04}"}
        for label, n in counts.items()
        for k in range(n)
    ]
    manifest = manifest_from_rows(rows)
    return split(manifest, "leak_free", seed=1, test_share=0.3, validation_share=0.1, min_groups_for_test=5)


def cut(table: pd.DataFrame, classes: tuple[str, ...] = SCARCE, **changes: Any) -> pd.DataFrame:
    settings: dict[str, Any] = {"n": 10, "draw": 1, "seed": 1, "rare": ()}
    return scarce_split(table, classes, **settings | changes)


def kept(table: pd.DataFrame, label: str) -> set[str]:
    return set(table.loc[(table["label"] == label) & (table["part"] == "train"), "image_id"])


# --- protocols


def test_a_scarce_protocol_has_the_rules_of_leak_free() -> None:
    assert scarce_protocol(10, 2) == "scarce-10-2"
    assert scarce_numbers("scarce-10-2") == (10, 2)
    assert [rules_of(name) for name in ("scarce-10-2", "leak_free", "thesis")] == ["leak_free", "leak_free", "thesis"]
    for other in ("scarce-0-1", "scarce-10", "scarce-10-2/", "scarce-10-02", "scarce"):
        assert scarce_numbers(other) is None
        with pytest.raises(KeyError):
            rules_of(other)


# --- the split


def test_n_training_images_of_each_scarce_class_are_kept_and_test_images_stay() -> None:
    before = leak_free()
    after = cut(before)
    parts = after.groupby(["label", "part"]).size().unstack(fill_value=0)
    assert parts.loc[list(SCARCE), "train"].tolist() == [10, 10]
    assert parts.loc[list(SCARCE), "validation"].tolist() == [0, 0]
    assert after[after["part"] == "test"].equals(before[before["part"] == "test"])
    common = before["label"] == "platelet"
    assert after[common].equals(before[common])
    withheld = set(after.loc[after["part"] == "withheld", "image_id"])
    moved = before["label"].isin(SCARCE) & before["part"].isin(["train", "validation"])
    assert withheld == set(before.loc[moved, "image_id"]) - set(visible(after, "scarce-10-1")["image_id"])


def test_draws_differ_and_a_smaller_n_is_part_of_a_larger_one() -> None:
    table = leak_free()
    first = kept(cut(table), "basophil")
    assert kept(cut(table), "basophil") == first
    assert first < kept(cut(table, n=30), "basophil")
    assert len(first & kept(cut(table, draw=2), "basophil")) < 5
    assert kept(cut(table, seed=2), "basophil") != first


def test_groups_are_kept_or_withheld_whole() -> None:
    after = cut(leak_free(images_in_a_group=4), n=8)
    assert (after.groupby("group_id")["part"].nunique() == 1).all()
    assert len(kept(after, "basophil")) == 8
    with pytest.raises(InputError, match=r"scarcity.n.* is 10, .*basophil .*make up only 8 images"):
        cut(leak_free(images_in_a_group=4))


def test_no_training_may_use_a_withheld_image() -> None:
    after = cut(leak_free())
    withheld = after.loc[after["part"] == "withheld", "image_id"]
    with pytest.raises(InputError, match=re.escape(withheld.iloc[0])):
        require_visible(after, withheld.head(1), "scarce-10-1")
    require_visible(after, visible(after, "scarce-10-1")["image_id"], "scarce-10-1")


@pytest.mark.parametrize("n", [10, 100])
def test_a_cut_class_is_rare_whatever_it_is_cut_to(n: int) -> None:
    roles = RolesConfig(rare_below=50, rich_from=200)
    after = roles_of(cut(leak_free(), n=n), FILLED, roles)
    assert (after.rare, after.rich) == (("basophil", "lymphocyte"), ("platelet",))
    assert roles_of(leak_free(), FILLED, roles).rare == ()


# --- refused


def test_n_must_be_below_the_training_images_of_a_class() -> None:
    table = leak_free()
    n = len(kept(table, "lymphocyte"))
    cut(table, n=n - 1)
    for too_many in (n, n + 1):
        message = rf"scarcity\.n.* is {too_many}, but lymphocyte has only {n} training images"
        with pytest.raises(InputError, match=message) as caught:
            cut(table, n=too_many)
        assert "Set a smaller number, or remove lymphocyte" in caught.value.remedy


def test_a_class_without_test_image_is_refused() -> None:
    table = leak_free()
    table.loc[(table["label"] == "basophil") & (table["part"] == "test"), "part"] = "validation"
    with pytest.raises(InputError, match="names basophil, which has no test image among its 300 images"):
        cut(table)


def test_a_class_that_is_already_rare_is_refused() -> None:
    with pytest.raises(InputError, match=r"scarcity\.classes.*basophil, which is rare already \(300 images\)"):
        cut(leak_free(), rare=("basophil",))


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(InputError, match="names monocyte, of which there is no image") as caught:
        cut(leak_free(), ("monocyte",))
    assert "basophil, lymphocyte, platelet" in caught.value.remedy


def test_a_group_that_also_holds_another_class_is_refused() -> None:
    table = leak_free()
    trained = table[table["part"] == "train"]
    first = trained[trained["label"] == "basophil"].iloc[0]["group_id"]
    table.loc[trained[trained["label"] == "platelet"].index[0], "group_id"] = first
    with pytest.raises(InputError, match=f"its group {first} also holds images of platelet"):
        cut(table)
