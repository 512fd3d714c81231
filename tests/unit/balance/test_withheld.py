"""The audit under a scarce protocol: a withheld image that anything saw fails the run like a leaked test image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.balanced_sets import (
    SCARCE,
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
from hemabalance.dataset.splits import WITHHELD
from hemabalance.errors import InputError

NORMALIZER, GENERATOR, TEACHER, JUDGE, GATE = 0, 1, 3, 4, 5


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return build_balance_run(tmp_path_factory.mktemp("scarce"), SCARCE)


def withheld(run: BalanceRun) -> str:
    """The first withheld image of the training part."""
    return str(run.split.loc[run.split["part"] == WITHHELD, "image_id"].iloc[0])


def refuse(inputs: AuditInputs, message: str) -> InputError:
    with pytest.raises(InputError, match=message) as caught:
        run_audit(inputs)
    return caught.value


def test_a_clean_scarce_set_passes_without_the_withheld_images(run: BalanceRun) -> None:
    inputs = audit_inputs(run, SCARCE)
    audit = run_audit(inputs)
    parts = run.split["part"].value_counts()
    assert (audit["protocol"], audit["leaks"]["allowed"], audit["leaks"]["n"]) == (SCARCE, False, 0)
    assert audit["content"]["test"] == parts["test"] + parts[WITHHELD]
    assert not set(inputs.rows["image_id"]) & set(inputs.withheld)
    real = inputs.rows[(inputs.rows["label"] == "monocyte") & (inputs.rows["origin"] == "real")]
    assert real["part"].value_counts().to_dict() == {"test": 8, "train": 3}


@pytest.mark.parametrize("place", [NORMALIZER, GENERATOR, TEACHER, JUDGE, GATE])
def test_a_withheld_image_given_to_one_training_fails_the_run_and_is_named(run: BalanceRun, place: int) -> None:
    lists, planted = seen_image_lists(run), withheld(run)
    lists[place] = seen_images(run, lists[place].kind, lists[place].name, planted)
    error = refuse(
        audit_inputs(run, SCARCE, seen_images=lists), f"withheld image {planted} itself was seen by {lists[place]}"
    )
    assert "withheld images leaked (1): " in str(error)
    assert "Delete the results of that training" in error.remedy


def test_a_known_copy_of_a_withheld_image_fails_the_run(run: BalanceRun) -> None:
    copy = {"image_id": "tcia/MON/99", "label": "monocyte", "status": "near_duplicate", "group_id": withheld(run)}
    manifest = pd.concat([run.manifest, manifest_from_rows([copy])], ignore_index=True)
    lists = seen_image_lists(run)
    row = {"image_id": "tcia/MON/99", "source": "tcia", "label": "monocyte", "part": "train", "protocol": SCARCE}
    table = pd.concat([lists[JUDGE].table, pd.DataFrame([row])], ignore_index=True)
    lists[JUDGE] = replace(lists[JUDGE], table=table.sort_values("image_id", ignore_index=True))
    message = f"tcia/MON/99, seen by judge stain, is by the manifest .* as withheld image {withheld(run)}"
    refuse(audit_inputs(run, SCARCE, seen_images=lists, manifest=manifest), message)


def test_the_same_photograph_as_a_withheld_image_fails_the_run(tmp_path: Path, run: BalanceRun) -> None:
    trained = str(run.split.loc[run.split["part"] == "train", "image_id"].iloc[0])
    at = run.split["image_id"].tolist().index(withheld(run))
    planted = build_balance_run(tmp_path / "run", SCARCE, replaced={trained: photograph(at, STORED).astype(np.uint8)})
    message = f"{trained}, seen by {LEARNED_FROM}, is the same .* as withheld image {withheld(run)}"
    refuse(audit_inputs(planted, SCARCE), message)


def test_a_withheld_image_among_the_rows_of_the_set_fails_the_run(run: BalanceRun) -> None:
    whole = replace(run, split=run.split.assign(part=run.split["part"].replace({WITHHELD: "train"})))
    rows = build_balanced(whole, SCARCE)
    error = refuse(audit_inputs(run, SCARCE, rows=rows), f"withheld image {withheld(run)} itself was seen by")
    assert LEARNED_FROM in error.problem
    assert "Delete the balanced set" in error.remedy


def test_a_generator_that_was_trained_under_another_protocol_is_named(run: BalanceRun) -> None:
    lists = seen_image_lists(run)
    lists[GENERATOR] = replace(lists[GENERATOR], table=lists[GENERATOR].table.assign(protocol="leak_free"))
    message = f"under the protocol {SCARCE}: uses the generator rich, which was trained under the protocol leak_free"
    refuse(audit_inputs(run, SCARCE, seen_images=lists), message)
