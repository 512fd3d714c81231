"""The audit of a balanced set: a clean set passes, and every planted leak fails the run and is named."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.balanced_sets import (
    SIZE,
    STORED,
    BalanceRun,
    audit_inputs,
    build_balance_run,
    build_balanced,
    run_audit,
    seen_image_lists,
    seen_images,
)
from helpers.photographs import manifest_from_rows, photograph
from hemabalance.balance.leaks import LEARNED_FROM, AuditInputs
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError

TESTED = "mendeley/monocyte/05"  # a test image
TRAINED = "mendeley/monocyte/07"  # a training image
GENERATED = "basophil-0000000002"  # a synthetic image that enters the balanced set


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return build_balance_run(tmp_path_factory.mktemp("clean"))


def read_image(run: BalanceRun, image_id: str) -> np.ndarray:
    image_set = run.sets["real"]
    return image_set.read(image_set.index["image_id"].tolist().index(image_id))


def reencode(image: np.ndarray) -> np.ndarray:
    """The photograph from another encoder and microscope: shifted by a pixel, other contrast, recompressed."""
    moved = np.roll(image, 1, axis=1)
    buffer = io.BytesIO()
    Image.fromarray((moved * 0.9 + 20).astype(np.uint8)).save(buffer, "JPEG", quality=70)
    return np.asarray(Image.open(buffer))


def refuse(inputs: AuditInputs, message: str) -> InputError:
    """The error with which the audit must end."""
    with pytest.raises(InputError, match=message) as caught:
        run_audit(inputs)
    return caught.value


def all_copies(exact: str) -> pytest.MarkDecorator:
    """Kinds of copies of a test image, and the relation that the audit must report; `exact` for an unchanged copy."""
    kinds = {"exact": (lambda image: image, exact), "reencoded": (reencode, "the same photograph")}
    return pytest.mark.parametrize(("change", "relation"), kinds.values(), ids=list(kinds))


# --- a clean set


def test_a_clean_set_passes_and_the_audit_lists_its_checks(run: BalanceRun) -> None:
    inputs = audit_inputs(run)
    audit = run_audit(inputs)
    assert (audit["recipe"], audit["protocol"]) == ("mine", "leak_free")
    assert sum(row["n"] for row in audit["counts"]) == len(inputs.rows)
    assert {"label": "basophil", "source": "synthetic", "origin": "synthetic", "part": "train", "n": 5} in audit[
        "counts"
    ]
    assert {row["label"] for row in audit["short"] if row["images"]} == {"promyelocyte"}
    visible = int((run.split["part"] == "train").sum())
    assert len(audit["seen"]) == 7
    for row in audit["seen"]:
        assert (row["images"], row["parts"]) == (visible, {"train": visible})
        assert (row["test_images"], row["copies"]) == (0, 0)
    assert [row["kind"] for row in audit["seen"]] == [seen.kind for seen in inputs.seen_images]
    tested = int((run.split["part"] == "test").sum())
    assert (audit["content"]["test"], audit["content"]["others"]) == (tested, len(inputs.rows) - tested)
    assert audit["leaks"]["lists"] == [*(str(seen) for seen in inputs.seen_images), LEARNED_FROM]
    assert (audit["leaks"]["allowed"], audit["leaks"]["n"], audit["leaks"]["first"]) == (False, 0, [])
    assert run_audit(inputs) == audit


def test_the_audit_probes_what_colour_gives_away(tmp_path: Path, run: BalanceRun) -> None:
    """In the tinted run basophils are red, and images of tcia blue."""
    shades = {
        row.image_id: (photograph(k, STORED) // 3 + (120 * (row.label == "basophil"), 0, 120 * (row.source == "tcia")))
        for k, row in enumerate(run.split.itertuples())
    }
    tinted = build_balance_run(
        tmp_path / "tinted", replaced={name: image.astype(np.uint8) for name, image in shades.items()}
    )
    grey, colourful = (
        {(r["target"], r["features"]): r for r in run_audit(audit_inputs(inputs))["shortcuts"]}
        for inputs in (run, tinted)
    )
    assert set(grey) == {(t, f) for t in ("source", "origin", "label") for f in ("colour", "colour_percentiles")}
    for target in ("source", "label"):
        assert colourful[target, "colour"]["accuracy"] > 0.9 > 0.7 > grey[target, "colour"]["accuracy"]
    rows = build_balanced(run)
    assert grey["source", "colour"]["n"] == ((rows["part"] == "train") & (rows["origin"] == "real")).sum()
    assert grey["origin", "colour"]["classes"] == ["real", "synthetic"]


def test_no_more_images_of_a_source_are_probed_than_the_setting_allows(run: BalanceRun) -> None:
    probed = {row["target"]: row["n"] for row in run_audit(audit_inputs(run), audit_images=6)["shortcuts"]}
    assert (probed["source"], probed["origin"]) == (12, 18)


# --- planted: what somebody saw


@pytest.mark.parametrize("place", range(7))
def test_a_test_image_in_a_list_fails_the_run_and_is_named(run: BalanceRun, place: int) -> None:
    lists = seen_image_lists(run)
    lists[place] = seen_images(run, lists[place].kind, lists[place].name, TESTED)
    error = refuse(audit_inputs(run, seen_images=lists), f"{TESTED} itself was seen by {lists[place]}")
    assert "test images leaked (1): " in str(error)
    assert "Delete the results of that training" in error.remedy


def test_a_generator_that_was_trained_on_everything_fails_the_run(run: BalanceRun) -> None:
    lists = seen_image_lists(run)
    lists[1] = seen_images(run, "generator", "rich", *run.split["image_id"])
    error = refuse(audit_inputs(run, seen_images=lists), r"test images leaked \(14\): mendeley/basophil/00 itself")
    assert "; and 9 more" in error.problem


def test_a_copy_that_the_manifest_knows_of_fails_the_run(run: BalanceRun) -> None:
    copy = {"image_id": "tcia/MON/99", "label": "monocyte", "status": "near_duplicate", "group_id": TESTED}
    other = {"image_id": "tcia/MON/98", "label": "monocyte", "status": "near_duplicate", "group_id": TRAINED}
    manifest = pd.concat([run.manifest, manifest_from_rows([copy, other])], ignore_index=True)
    lists = seen_image_lists(run)
    for image_id in ("tcia/MON/98", "tcia/MON/99"):
        row = {"image_id": image_id, "source": "tcia", "label": "monocyte", "part": "train"}
        row |= {"protocol": "leak_free"}
        table = pd.concat([lists[4].table, pd.DataFrame([row])], ignore_index=True)
        lists[4] = replace(lists[4], table=table.sort_values("image_id", ignore_index=True))
    message = rf"leaked \(1\): tcia/MON/99, seen by judge stain, is by the manifest .* as test image {TESTED}"
    refuse(audit_inputs(run, seen_images=lists, manifest=manifest), message)


def test_an_image_in_no_manifest_is_refused(run: BalanceRun) -> None:
    lists = seen_image_lists(run)
    lists[0] = replace(lists[0], table=lists[0].table.replace({TRAINED: "mendeley/monocyte/stray"}))
    refuse(
        audit_inputs(run, seen_images=lists),
        "mendeley/monocyte/stray, seen by normalizer stain, is in no manifest",
    )


@pytest.mark.parametrize("place", range(7))
def test_a_list_that_is_missing_is_refused(run: BalanceRun, place: int) -> None:
    lists = seen_image_lists(run)
    missing = lists.pop(place)
    refuse(audit_inputs(run, seen_images=lists), rf"the list of real images that the {missing.kind} .*saw is missing")


def test_methods_outside_the_recipe_need_no_list(run: BalanceRun) -> None:
    few = [seen for seen in seen_image_lists(run) if seen.kind in ("normalizer", "generator", "teacher")]
    assert len(run_audit(audit_inputs(run, seen_images=few, gated=False))["seen"]) == 4
    original = audit_inputs(run, rows=build_balanced(run, generators={}), seen_images=seen_image_lists(run)[:1])
    assert len(run_audit(original)["seen"]) == 1


# --- planted: in the balanced set


@all_copies("the same file")
def test_a_test_images_copy_under_another_name_fails_the_run(
    tmp_path: Path, run: BalanceRun, change: Any, relation: str
) -> None:
    planted = build_balance_run(tmp_path / "run", replaced={TRAINED: change(read_image(run, TESTED))})
    error = refuse(audit_inputs(planted), f"{TRAINED}, seen by {LEARNED_FROM}, is {relation} as test image {TESTED}")
    assert "test images leaked (1): " in str(error)
    assert "list one of them in data/exclusions.csv" in error.remedy


@all_copies("the same pixels")
def test_a_generator_that_gives_a_test_image_again_fails_the_run(
    tmp_path: Path, run: BalanceRun, change: Any, relation: str
) -> None:
    memorised = change(reduced(read_image(run, TESTED)[None], SIZE, where="")[0])
    planted = build_balance_run(tmp_path / "run", replaced={GENERATED: memorised})
    refuse(audit_inputs(planted), f"{GENERATED}, seen by .* is {relation} as test image {TESTED}")


def test_the_same_pixels_in_another_file_are_found(tmp_path: Path, run: BalanceRun) -> None:
    planted = build_balance_run(tmp_path / "run", replaced={TRAINED: read_image(run, TESTED)})
    rows = build_balanced(planted)
    index = planted.sets["real"].index
    for table in (rows, index):  # as if another encoder had written it
        table.loc[table["image_id"] == TRAINED, "sha256"] = "f" * 64
    refuse(audit_inputs(planted, rows=rows), f"{TRAINED}, seen by .* is the same pixels as test image {TESTED}")


def test_a_copy_that_was_seen_and_then_subsampled_is_found(tmp_path: Path, run: BalanceRun) -> None:
    subsampled = build_balanced(run, target_per_class=15, above="subsample")
    removed = run.split.loc[~run.split["image_id"].isin(subsampled["image_id"]), "image_id"].iloc[0]
    planted = build_balance_run(tmp_path / "run", replaced={removed: read_image(run, TESTED)})
    rows = build_balanced(planted, target_per_class=15, above="subsample")
    assert removed not in set(rows["image_id"])
    refuse(audit_inputs(planted, rows=rows), f"{removed}, seen by .* is the same file as test image {TESTED}")


def test_a_test_image_moved_to_training_fails_the_run(run: BalanceRun) -> None:
    rows = build_balanced(run)
    rows.loc[rows["image_id"] == TESTED, "part"] = "train"
    refuse(audit_inputs(run, rows=rows), f"{TESTED} itself was seen by {LEARNED_FROM}")


def test_synthetic_images_are_not_tested_on(run: BalanceRun) -> None:
    rows = build_balanced(run)
    rows.loc[rows["image_id"] == GENERATED, "part"] = "test"
    refuse(audit_inputs(run, rows=rows), f"1 synthetic images in its validation and test parts, first {GENERATED}")


# --- the thesis's protocol


def test_under_the_thesis_protocol_leaks_are_expected_counted_and_reported(tmp_path: Path, run: BalanceRun) -> None:
    pooled = build_balance_run(tmp_path / "run", "thesis")
    rows = build_balanced(pooled, "thesis", target_per_class=40)
    tested = rows[rows["part"] == "test"]
    copied = tested.loc[tested["origin"] == "real", "image_id"].iloc[0]
    at = pooled.split["image_id"].tolist().index(copied)
    learned = rows.loc[(rows["part"] == "train") & (rows["origin"] == "real"), "image_id"].iloc[0]
    planted = build_balance_run(tmp_path / "planted", "thesis", replaced={learned: photograph(at, STORED)})
    audit = run_audit(audit_inputs(planted, "thesis", rows=build_balanced(planted, "thesis", target_per_class=40)))
    real = int((tested["origin"] == "real").sum())
    assert audit["leaks"]["allowed"]
    assert all(row["test_images"] == real > 0 for row in audit["seen"])
    assert {"who": LEARNED_FROM, "how": "the same file", "n": 1} in audit["leaks"]["by"]
    assert audit["leaks"]["n"] == 7 * real + 1
    assert len(audit["leaks"]["first"]) == 20
    assert (tested["origin"] == "synthetic").any()
