"""Verdicts on the thesis's claims: every rule gives each of its verdicts, and every claim reads its own columns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.result_tables import write_run
from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.results.page import claims
from hemabalance.report.results.points import is_value, seconds, thesis_value
from hemabalance.report.results.run_tables import RunTables, read_run_tables
from hemabalance.report.results.verdicts import FAILS, HOLDS, INCONCLUSIVE, MISSING, RULES, check, claim_text
from hemabalance.report.results.wording import label_of, ordinal

CLAIMS = [entry for section in claims() for entry in section["claims"]]
Edit = Callable[[pd.DataFrame], None]
Rows = Callable[[pd.DataFrame], Any]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    return read_run_tables(write_run(tmp_path_factory.mktemp("verdicts")))


def the_claim(rule: str, table: str) -> dict[str, Any]:
    return next(entry for entry in CLAIMS if (entry["rule"], entry["table"]) == (rule, table))


def edited(tables: RunTables, kind: str, edit: Edit) -> RunTables:
    """The tables with one of them edited."""
    files = {path: table.copy() for path, table in tables.files.items()}
    edit(next(table for path, table in files.items() if Path(path).stem.startswith(kind)))
    return replace(tables, files=files)


def values(row: Rows, column: str, value: str, low: str = "", high: str = "") -> Edit:
    """An edit that sets a value and its interval in some rows."""

    def edit(table: pd.DataFrame) -> None:
        for ending, cell in (("", value), ("_low", low or value), ("_high", high or value)):
            if f"{column}{ending}" in table:
                table.loc[row(table), f"{column}{ending}"] = cell

    return edit


def named(column: str, *names: str) -> Rows:
    return lambda table: table[column].isin(names)


FID, FALL, RISE = ("measured_fid", "accuracy_less_that_of_the_whole", "accuracy_a_less_b")
OTHERS: Rows = lambda table: ~MINE(table)  # noqa: E731
MINE, ROW, PAIR = named("generator", "c_wgan_gp_rich"), named("row", "row 1"), named("a", "balanced")
BALANCED, POOLED = named("experiment", "balanced"), named("experiment", "balanced_thesis")
TIMES, ACCURACY = named("normaliser", "wcyclegan_gp"), "measured_accuracy"


def time(value: str, steps: str = "60") -> Edit:
    def edit(table: pd.DataFrame) -> None:
        table.loc[TIMES(table), ["measured_training_time", "steps"]] = [value, steps]

    return edit


def fall_in_both(table: pd.DataFrame) -> None:
    for prefix in ("", "balanced_"):
        values(PAIR, f"{prefix}{RISE}", "-1", "-2", "-0.5")(table)


def other_pair(table: pd.DataFrame) -> None:
    table["a"] = "other"


CASES: list[tuple[str, str, Edit, str, str]] = [
    ("best", "synthesis_fid", lambda _: None, HOLDS, r"c_wgan_gp_rich has .* FID \(20.000 .* before acgan_rich"),
    ("best", "synthesis_fid", values(MINE, FID, "45", "44", "46"), FAILS, "acgan_rich has the .*_rich is third of 6"),
    ("best", "synthesis_fid", values(MINE, FID, "25", "10", "40"), INCONCLUSIVE, "c_wgan_gp_rich has the lowest"),
    ("best", "synthesis_fid", values(MINE, FID, "30", "29", "31"), INCONCLUSIVE, "no method is best: c_wgan_gp_rich"),
    ("best", "synthesis_fid", values(MINE, FID, NOT_AVAILABLE), MISSING, "no logits"),
    ("best", "synthesis_fid", values(OTHERS, FID, NOT_AVAILABLE), MISSING, "no other method"),
    ("shortest", "stain_cost", lambda _: None, HOLDS, r"wcyclegan_gp has the shortest time \(10.0s, 60 steps\)"),
    ("shortest", "stain_cost", time("60.0s"), FAILS, "wcyclegan_gp is third of 3"),
    ("shortest", "stain_cost", time("60.0s", "6000"), HOLDS, "shortest time a step .*0.01 s a step"),
    ("shortest", "stain_cost", time("14.9s"), INCONCLUSIVE, "shortest time"),
    ("shortest", "stain_cost", time(NOT_AVAILABLE, NOT_AVAILABLE), MISSING, "not in this run"),
    ("paired_fall", "classify_ablations", lambda _: None, HOLDS, r"difference of -0.050 \(-0.060 to -0.040\), n = 449"),
    ("paired_fall", "classify_ablations", values(ROW, FALL, "0.1", "0.05", "0.15"), FAILS, "difference of 0.1"),
    ("paired_fall", "classify_ablations", values(ROW, FALL, "0", "-0.1", "0.1"), INCONCLUSIVE, "difference of 0"),
    ("paired_fall", "classify_ablations", values(ROW, FALL, NOT_AVAILABLE), MISSING, "not in this run"),
    ("paired_rise", "classify_comparisons", lambda _: None, HOLDS, "accuracy a - b: 0.050 .*, 0.050 .*, 0.050"),
    ("paired_rise", "classify_comparisons", values(PAIR, RISE, "0.01", "-0.01", "0.03"), INCONCLUSIVE, "balanced acc"),
    ("paired_rise", "classify_comparisons", fall_in_both, FAILS, "-1"),
    ("paired_rise", "classify_comparisons", other_pair, MISSING, "were not compared"),
    ("rise", "classify_models", lambda _: None, HOLDS, r"plain 0.850 .*; balanced 0.950"),
    ("rise", "classify_models", values(BALANCED, ACCURACY, "0.5", "0.4", "0.6"), FAILS, "balanced 0.5"),
    ("rise", "classify_models", values(BALANCED, ACCURACY, "0.9", "0.8", "1.0"), INCONCLUSIVE, "balanced 0.9"),
    ("rise", "classify_models", values(BALANCED, ACCURACY, NOT_AVAILABLE), MISSING, "not in this run"),
    ("class_rise", "classify_classes", lambda _: None, HOLDS, r"\(thesis: 0.925 to 0.995\): plain 0.500 .* 0.800"),
    ("class_rise", "classify_classes", values(BALANCED, "sensitivity", "0.1"), FAILS, "balanced 0.1"),
    ("class_rise", "classify_classes", values(BALANCED, "sensitivity", "0.6", "0.2", "0.9"), INCONCLUSIVE, "balanced"),
    ("class_rise", "classify_classes", values(BALANCED, "sensitivity", NOT_AVAILABLE), MISSING, "not in this run"),
    ("reaches", "classify_models", lambda _: None, HOLDS, "balanced_thesis has 0.990"),
    ("reaches", "classify_models", values(POOLED, ACCURACY, "0.9", "0.8", "0.95"), FAILS, "balanced_thesis has 0.9"),
    ("reaches", "classify_models", values(POOLED, ACCURACY, "0.97", "0.95", "0.99"), INCONCLUSIVE, "has 0.97"),
    ("reaches", "classify_models", values(POOLED, ACCURACY, NOT_AVAILABLE), MISSING, "not in this run"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "table", "edit", "verdict", "text"), CASES)
def test_a_rule_gives_the_verdict(
    tables: RunTables, rule: str, table: str, edit: Edit, verdict: str, text: str
) -> None:
    finding = check(the_claim(rule, table), edited(tables, table, edit))
    assert finding.verdict == verdict
    assert pd.Series([finding.measured]).str.contains(text).all(), finding.measured


def test_every_rule_is_tried_with_every_verdict() -> None:
    assert {(rule, verdict) for rule, _, _, verdict, _ in CASES} == {
        (rule, verdict) for rule in RULES for verdict in (HOLDS, FAILS, INCONCLUSIVE, MISSING)
    }
    assert {entry["rule"] for entry in CLAIMS} == set(RULES)


@pytest.mark.parametrize("entry", CLAIMS, ids=lambda entry: str(entry["claim"])[:60])
def test_a_claim_holds_on_tables_in_the_thesiss_order(tables: RunTables, entry: dict[str, Any]) -> None:
    finding = check(entry, tables)
    assert finding.verdict == (MISSING if "Inception" in entry["claim"] else HOLDS), finding
    assert "{" not in claim_text(entry)


@pytest.mark.parametrize(
    ("rule", "table", "column", "better"),
    [("best", "classify_models", ACCURACY, "0.999"), ("shortest", "classify_cost", "measured_training_time", "0.1s")],
)
def test_the_same_model_on_another_set_is_no_rival(
    tables: RunTables, rule: str, table: str, column: str, better: str
) -> None:
    def other_set(rows: pd.DataFrame) -> None:
        twin = rows[rows["recipe"] == "balanced"].iloc[0].copy()
        twin["experiment"], twin["recipe"], twin[column] = "ungated", "ungated", better
        rows.loc[len(rows)] = twin

    entry = the_claim(rule, table)
    finding = check(entry, edited(tables, table, other_set))
    assert finding == check(entry, tables)
    assert "ungated" not in finding.measured


def test_distances_that_disagree_leave_a_claim_open(tables: RunTables) -> None:
    entry = the_claim("best", "stain_fid")
    worse = edited(tables, "stain_fid", values(TIMES, "measured_kid_x1000", "90"))
    assert check(entry, worse).verdict == INCONCLUSIVE
    both = edited(worse, "stain_fid", values(TIMES, "measured_fid", "90"))
    assert check(entry, both).verdict == FAILS


def test_a_claim_about_several_domains_fails_in_one_of_them(tables: RunTables) -> None:
    entry = the_claim("best", "stain_ssim")
    one = lambda table: TIMES(table) & (table["domain"] == "B (source)")  # noqa: E731
    finding = check(entry, edited(tables, "stain_ssim", values(one, "measured_ssim", "0.1")))
    assert finding.verdict == FAILS
    assert "A (source): wcyclegan_gp has the highest SSIM" in finding.measured
    assert "B (source): pix2pix has" in finding.measured or "B (source): cyclegan has" in finding.measured


def test_a_further_entry_of_a_method_competes_too(tables: RunTables) -> None:
    entry = the_claim("best", "synthesis_fid")
    path = "experiments/tables/synthesis_fid_leak_free.csv"
    table = tables.files[path]
    variant = table[MINE(table)].assign(
        generator="variant", measured_fid="5", measured_fid_low="4", measured_fid_high="6"
    )
    more = replace(tables, files={**tables.files, path: pd.concat([table, variant], ignore_index=True)})
    finding = check(entry, more)
    assert finding.verdict == FAILS
    assert finding.measured.startswith("variant has the lowest FID (5 (4 to 6), n = 64); c_wgan_gp_rich is second of 7")


def test_values_of_the_thesis_are_recognised_in_cells() -> None:
    assert thesis_value(["classification", "balanced", "accuracy"], 100) == "0.984"
    assert thesis_value(["table13_stain_training_time", "cyclegan"]) == "12h06m"
    assert is_value("0.9840", "0.984")
    assert is_value("17.73 ± 0.11", "17.73")
    assert is_value("12h06m", "12h06m")
    assert not is_value("not reported", "0.984")


def test_durations_are_read() -> None:
    assert [seconds(text) for text in ("12h06m14s", "2m05s", "4.1s", "19h", "7h30m")] == [43574, 125, 4.1, 68400, 27000]
    for text in ("", "soon", "12"):
        with pytest.raises(ValueError, match="is no duration"):
            seconds(text)


def test_words() -> None:
    assert (ordinal(3), ordinal(12)) == ("third", "12th")
    assert label_of("synthesis_fid", "measured_fid") == "FID"
    with pytest.raises(KeyError, match="no column nothing"):
        label_of("synthesis_fid", "nothing")
