"""The audit of a balanced set: what it says of a clean one, and that every planted leak fails the run by name."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.balanced_sets import SIZE, STORED, BalanceRun, audit_inputs, balanced, lists, run, run_audit, seen
from helpers.photographs import manifest_from_rows, photograph
from hemabalance.balance.leaks import LEARNED_FROM, AuditInputs
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError

TESTED = "mendeley/monocyte/05"  # a test image
TRAINED = "mendeley/monocyte/07"  # a training image
DRAWN = "basophil-0000000002"  # a synthetic image that enters the balanced set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return run(tmp_path_factory.mktemp("clean"))


def picture(made: BalanceRun, image_id: str) -> np.ndarray:
    held = made.sets["real"]
    return held.read(held.index["image_id"].tolist().index(image_id))


def encoded_again(image: np.ndarray) -> np.ndarray:
    """As another encoder and another microscope would give it: recompressed, a pixel aside, a little brighter."""
    moved = np.roll(image, 1, axis=1)
    buffer = io.BytesIO()
    Image.fromarray((moved * 0.9 + 20).astype(np.uint8)).save(buffer, "JPEG", quality=70)
    return np.asarray(Image.open(buffer))


def refused(given: AuditInputs, says: str) -> InputError:
    """The error that the audit must end in."""
    with pytest.raises(InputError, match=says) as caught:
        run_audit(given)
    return caught.value


def every_copy(exact: str) -> pytest.MarkDecorator:
    """How a test image may come again, and what the audit then says of it; `exact` of one that nothing was done to."""
    changed = {"exact": (lambda image: image, exact), "encoded again": (encoded_again, "the same photograph")}
    return pytest.mark.parametrize(("changed", "says"), changed.values(), ids=list(changed))


# --- a clean set


def test_a_clean_set_passes_and_the_audit_says_what_was_checked(made: BalanceRun) -> None:
    given = audit_inputs(made)
    found = run_audit(given)
    assert (found["recipe"], found["protocol"]) == ("mine", "leak_free")
    assert sum(row["n"] for row in found["counts"]) == len(given.rows)
    assert {"label": "basophil", "source": "synthetic", "origin": "synthetic", "part": "train", "n": 5} in found[
        "counts"
    ]
    assert {row["label"] for row in found["short"] if row["images"]} == {"promyelocyte"}
    visible = int((made.split["part"] == "train").sum())
    assert len(found["seen"]) == 7
    for row in found["seen"]:
        assert (row["images"], row["parts"]) == (visible, {"train": visible})
        assert (row["test_images"], row["copies"]) == (0, 0)
    assert [row["kind"] for row in found["seen"]] == [one.kind for one in given.seen]
    tested = int((made.split["part"] == "test").sum())
    assert (found["content"]["test"], found["content"]["others"]) == (tested, len(given.rows) - tested)
    assert found["leaks"]["audit_inputs"] == [*(str(one) for one in given.seen), LEARNED_FROM]
    assert (found["leaks"]["allowed"], found["leaks"]["n"], found["leaks"]["first"]) == (False, 0, [])
    assert run_audit(given) == found


def test_the_audit_probes_what_colour_gives_away(tmp_path: Path, made: BalanceRun) -> None:
    """Basophils are made red, and whatever is of tcia blue."""
    shades = {
        row.image_id: (photograph(k, STORED) // 3 + (120 * (row.label == "basophil"), 0, 120 * (row.source == "tcia")))
        for k, row in enumerate(made.split.itertuples())
    }
    tinted = run(tmp_path / "tinted", pictures={name: image.astype(np.uint8) for name, image in shades.items()})
    grey, told = (
        {(r["target"], r["features"]): r for r in run_audit(audit_inputs(one))["shortcuts"]} for one in (made, tinted)
    )
    assert set(grey) == {(t, f) for t in ("source", "origin", "label") for f in ("colour", "colour_percentiles")}
    for target in ("source", "label"):
        assert told[target, "colour"]["accuracy"] > 0.9 > 0.7 > grey[target, "colour"]["accuracy"]
    rows = balanced(made)
    assert grey["source", "colour"]["n"] == ((rows["part"] == "train") & (rows["origin"] == "real")).sum()
    assert grey["origin", "colour"]["classes"] == ["real", "synthetic"]


def test_no_more_images_of_a_source_are_probed_than_asked_for(made: BalanceRun) -> None:
    probed = {row["target"]: row["n"] for row in run_audit(audit_inputs(made), audit_images=6)["shortcuts"]}
    assert (probed["source"], probed["origin"]) == (12, 18)


# --- planted: what somebody saw


@pytest.mark.parametrize("place", range(7))
def test_a_test_image_in_a_list_fails_the_run_and_is_named(made: BalanceRun, place: int) -> None:
    given = lists(made)
    given[place] = seen(made, given[place].kind, given[place].name, TESTED)
    error = refused(audit_inputs(made, seen=given), f"{TESTED} itself was seen by {given[place]}")
    assert "test images leaked (1): " in str(error)
    assert "Delete the results of that training" in error.remedy


def test_a_generator_that_was_trained_on_everything_fails_the_run(made: BalanceRun) -> None:
    given = lists(made)
    given[1] = seen(made, "generator", "rich", *made.split["image_id"])
    error = refused(audit_inputs(made, seen=given), r"test images leaked \(14\): mendeley/basophil/00 itself")
    assert "; and 9 more" in error.problem


def test_a_copy_that_the_manifest_knows_of_fails_the_run(made: BalanceRun) -> None:
    copy = {"image_id": "tcia/MON/99", "label": "monocyte", "status": "near_duplicate", "group_id": TESTED}
    other = {"image_id": "tcia/MON/98", "label": "monocyte", "status": "near_duplicate", "group_id": TRAINED}
    manifest = pd.concat([made.manifest, manifest_from_rows([copy, other])], ignore_index=True)
    given = lists(made)
    for image_id in ("tcia/MON/98", "tcia/MON/99"):
        row = {"image_id": image_id, "source": "tcia", "label": "monocyte", "part": "train"}
        table = pd.concat([given[4].table, pd.DataFrame([row])], ignore_index=True)
        given[4] = replace(given[4], table=table.sort_values("image_id", ignore_index=True))
    said = rf"leaked \(1\): tcia/MON/99, seen by judge stain, is by the manifest .* as test image {TESTED}"
    refused(audit_inputs(made, seen=given, manifest=manifest), said)


def test_an_image_that_no_manifest_knows_proves_nothing(made: BalanceRun) -> None:
    given = lists(made)
    given[0] = replace(given[0], table=given[0].table.replace({TRAINED: "mendeley/monocyte/stray"}))
    refused(audit_inputs(made, seen=given), "mendeley/monocyte/stray, seen by normalizer stain, is in no manifest")


@pytest.mark.parametrize("place", range(7))
def test_a_list_that_is_missing_is_refused(made: BalanceRun, place: int) -> None:
    given = lists(made)
    gone = given.pop(place)
    refused(audit_inputs(made, seen=given), f"there is no list of what the {gone.kind}")


def test_who_took_no_part_needs_no_list(made: BalanceRun) -> None:
    few = [one for one in lists(made) if one.kind in ("normalizer", "generator", "teacher")]
    assert len(run_audit(audit_inputs(made, seen=few, gated=False))["seen"]) == 4
    original = audit_inputs(made, rows=balanced(made, makers={}), seen=lists(made)[:1])
    assert len(run_audit(original)["seen"]) == 1


# --- planted: in the balanced set


@every_copy("the same file")
def test_a_test_images_copy_under_another_name_fails_the_run(
    tmp_path: Path, made: BalanceRun, changed: Any, says: str
) -> None:
    planted = run(tmp_path / "run", pictures={TRAINED: changed(picture(made, TESTED))})
    error = refused(audit_inputs(planted), f"{TRAINED}, seen by {LEARNED_FROM}, is {says} as test image {TESTED}")
    assert "test images leaked (1): " in str(error)
    assert "list one of them in data/exclusions.csv" in error.remedy


@every_copy("the same pixels")
def test_a_generator_that_gives_a_test_image_again_fails_the_run(
    tmp_path: Path, made: BalanceRun, changed: Any, says: str
) -> None:
    memorised = changed(reduced(picture(made, TESTED)[None], SIZE, where="")[0])
    planted = run(tmp_path / "run", pictures={DRAWN: memorised})
    refused(audit_inputs(planted), f"{DRAWN}, seen by .* is {says} as test image {TESTED}")


def test_the_same_pixels_in_another_file_are_found(tmp_path: Path, made: BalanceRun) -> None:
    planted = run(tmp_path / "run", pictures={TRAINED: picture(made, TESTED)})
    rows = balanced(planted)
    index = planted.sets["real"].index
    for table in (rows, index):  # as if another encoder had written it
        table.loc[table["image_id"] == TRAINED, "sha256"] = "f" * 64
    refused(audit_inputs(planted, rows=rows), f"{TRAINED}, seen by .* is the same pixels as test image {TESTED}")


def test_a_copy_that_was_seen_and_then_thinned_out_is_found(tmp_path: Path, made: BalanceRun) -> None:
    thinned = balanced(made, target_per_class=15, above="subsample")
    gone = made.split.loc[~made.split["image_id"].isin(thinned["image_id"]), "image_id"].iloc[0]
    planted = run(tmp_path / "run", pictures={gone: picture(made, TESTED)})
    rows = balanced(planted, target_per_class=15, above="subsample")
    assert gone not in set(rows["image_id"])
    refused(audit_inputs(planted, rows=rows), f"{gone}, seen by .* is the same file as test image {TESTED}")


def test_a_test_image_moved_to_training_fails_the_run(made: BalanceRun) -> None:
    rows = balanced(made)
    rows.loc[rows["image_id"] == TESTED, "part"] = "train"
    refused(audit_inputs(made, rows=rows), f"{TESTED} itself was seen by {LEARNED_FROM}")


def test_synthetic_images_are_not_tested_on(made: BalanceRun) -> None:
    rows = balanced(made)
    rows.loc[rows["image_id"] == DRAWN, "part"] = "test"
    refused(audit_inputs(made, rows=rows), f"1 synthetic images among those of validation and test, {DRAWN} first")


# --- the thesis's protocol


def test_under_the_thesis_protocol_leaks_are_expected_counted_and_reported(tmp_path: Path, made: BalanceRun) -> None:
    pooled = run(tmp_path / "run", "thesis")
    rows = balanced(pooled, "thesis", target_per_class=40)
    tested = rows[rows["part"] == "test"]
    copied = tested.loc[tested["origin"] == "real", "image_id"].iloc[0]
    at = pooled.split["image_id"].tolist().index(copied)
    learned = rows.loc[(rows["part"] == "train") & (rows["origin"] == "real"), "image_id"].iloc[0]
    held = {learned: photograph(at, STORED)}
    planted = run(tmp_path / "planted", "thesis", pictures=held)
    found = run_audit(audit_inputs(planted, "thesis", rows=balanced(planted, "thesis", target_per_class=40)))
    real = int((tested["origin"] == "real").sum())
    assert found["leaks"]["allowed"]
    assert all(row["test_images"] == real > 0 for row in found["seen"])
    assert {"who": LEARNED_FROM, "how": "the same file", "n": 1} in found["leaks"]["by"]
    assert found["leaks"]["n"] == 7 * real + 1
    assert len(found["leaks"]["first"]) == 20
    assert (tested["origin"] == "synthetic").any()
