"""Tables of the stain stage and the audit figure, made from results of `evaluate`."""

from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.result_tables import columns_used
from helpers.stain_runs import CLASSES, drawn, evaluated, image_sets, normalizers, split_of
from hemabalance.classes import UNLABELLED
from hemabalance.files import write_json
from hemabalance.report.cells import duration, number, write_csv
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.report.stain.probes import audit_figure
from hemabalance.report.stain.tables import read_normalizer_results, stain_tables
from hemabalance.stain.data import PairImages

NAMES = ["none (untouched)", "reinhard", "wcyclegan_gp"]


@dataclass
class Stage:
    images: PairImages
    normalizers: dict[str, Any]
    measured: list[NormalizerResult]
    tables: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as stack:
        images = image_sets(folder)
        for image_set in images.sets.values():
            stack.enter_context(image_set)
        fitted = normalizers(folder)
        measured = evaluated(images, fitted)
        yield Stage(images, fitted, measured, stain_tables(measured))


def cell(table: pd.DataFrame, column: str, **keys: str) -> Any:
    for key, value in keys.items():
        table = table[table[key] == value]
    assert len(table) == 1, table
    return table.iloc[0][column]


def test_every_table_names_every_normaliser_and_leaves_nothing_blank(stage: Stage, tmp_path: Path) -> None:
    assert list(stage.tables) == ["usefulness", "truth", "audit", "fid", "ssim", "structure", "cost", "is"]
    for name, table in stage.tables.items():
        write_csv(table, tmp_path / f"{name}.csv")
        read = pd.read_csv(tmp_path / f"{name}.csv", dtype="str", keep_default_na=False)
        assert not read.isin(["", "nan", "NaN", "None"]).any().any(), read
        expected_names = ["untouched images", *NAMES[1:]] if name == "audit" else NAMES
        assert list(read["normaliser"].unique()) == expected_names
        missing = read.drop(columns="reason", errors="ignore").eq("not available").any(axis=1)
        if missing.any():
            assert (read.loc[missing, "reason"] != "–").all()


def test_the_page_of_results_names_columns_that_exist(stage: Stage) -> None:
    for name, table in stage.tables.items():
        assert columns_used(f"stain_{name}") <= set(table.columns), name


def test_reported_values_are_those_of_the_thesis(stage: Stage) -> None:
    tables, wcyclegan = stage.tables, {"normaliser": "wcyclegan_gp"}
    where = {"domain": "B (tcia)", "compared": "real and generated"}
    assert cell(tables["fid"], "reported_fid", **wcyclegan, **where) == "4.2130"
    where = {"domain": "A (mendeley)", "compared": "real and reconstructed"}
    assert cell(tables["fid"], "reported_fid", **wcyclegan, **where) == "3.7155"
    assert cell(tables["ssim"], "reported_ssim", **wcyclegan, domain="B (tcia)") == "0.9869"
    assert cell(tables["is"], "reported_score", **wcyclegan) == "96.26"
    assert cell(tables["cost"], "reported_training_time", **wcyclegan) == "10h36m"
    for name in ("fid", "ssim", "is", "cost"):
        table = tables[name][tables[name]["normaliser"] == "reinhard"]
        assert (table.filter(like="reported") == "not reported").all().all()


def test_measured_figures_are_those_of_the_metrics(stage: Stage) -> None:
    result = stage.measured[2]
    row = result.row("fidelity", domain="a", compare="generated")
    assert row is not None
    where = {"normaliser": "wcyclegan_gp", "domain": "A (mendeley)", "compared": "real and generated"}
    assert float(cell(stage.tables["fid"], "measured_fid", **where)) == pytest.approx(row["fid"], abs=0.005)
    assert float(cell(stage.tables["fid"], "measured_kid_x1000", **where)) == pytest.approx(1e3 * row["kid"], abs=5e-3)
    assert [cell(stage.tables["fid"], n, **where) for n in ("n_real", "n_made")] == [row["n_real"], row["n_generated"]]
    reconstruction = result.row("reconstruction", domain="b")
    assert reconstruction is not None
    for column, key in (("measured_ssim", "ssim"), ("measured_ssim_low", "ssim_low"), ("measured_psnr_db", "psnr")):
        shown = float(cell(stage.tables["ssim"], column, normaliser="wcyclegan_gp", domain="B (tcia)"))
        assert shown == pytest.approx(reconstruction[key], abs=0.006)
    assert cell(stage.tables["cost"], "measured_training_time", normaliser="wcyclegan_gp") == "1h02m05s"
    assert cell(stage.tables["cost"], "trained_images", normaliser="wcyclegan_gp") == "A 15, B 11"
    assert cell(stage.tables["structure"], "passed_through_unchanged", normaliser="reinhard", images_of="B (tcia)") == 0


def test_missing_values_have_the_reason_of_the_method(stage: Stage) -> None:
    for table, where in (("ssim", {}), ("fid", {"compared": "real and reconstructed"})):
        for name, reason in (("reinhard", "the method has no inverse"), ("none (untouched)", "nothing was changed")):
            key = {"normaliser": name, "domain": "A (mendeley)", **where}
            assert cell(stage.tables[table], "reason", **key) == reason
            assert cell(stage.tables[table], f"measured_{table}", **key) == "not available"
    assert set(stage.tables["is"]["measured_score"]) == {"not available"}
    assert stage.tables["is"]["reason"].str.contains("Inception logits").all()


def test_usefulness_names_seen_images_and_compares_with_raw_images(stage: Stage) -> None:
    table = stage.tables["usefulness"]
    assert table["normaliser"].tolist() == NAMES * 4
    assert table["images"].tolist() == ["held back"] * 6 + ["all (some were seen in training)"] * 6
    assert table["classifier_trained_with"].tolist() == (["plain images"] * 3 + ["random colours"] * 3) * 2
    assert table["n"].tolist() == [11] * 6 + [12] * 6
    baseline = table[table["normaliser"] == "none (untouched)"]
    assert set(baseline.filter(regex="^gain_over_raw(_low|_high)?$").to_numpy().ravel()) == {"0.000"}
    for _, row in table.iterrows():
        rate, low, high = (float(row[key]) for key in ("accuracy", "low", "high"))
        assert rate == pytest.approx(row["correct"] / row["n"], abs=5e-4)
        assert low < rate < high or rate in (low, high)
        raw = float(baseline[baseline["n"] == row["n"]]["accuracy"].iloc[0])
        assert float(row["gain_over_raw"]) == pytest.approx(rate - raw, abs=1.1e-3)


def test_without_labels_in_a_source_what_needs_them_is_not_available(stage: Stage, tmp_path: Path) -> None:
    split = split_of(stage.images, "leak_free")
    split["label"] = split["label"].where(split["source"] != "tcia", UNLABELLED)
    measured = evaluated(stage.images, stage.normalizers, split=split)
    assert {result.metrics["no_labels"] for result in measured} == {"tcia has no labels"}
    assert measured[1].metrics["n"] == {"a": 15, "b": 11}  # the platelet too: all images
    tables = stain_tables(measured, "none")
    assert {name: list(table.filter(like="reported")) for name, table in tables.items()} == {
        name: [] for name in tables
    }
    usefulness = tables["usefulness"]
    assert list(usefulness.columns) == list(stage.tables["usefulness"].columns)
    assert set(usefulness["accuracy"]) == set(usefulness["n"]) == {"not available"}
    audit = tables["audit"]
    assert set(audit["direction"]) == {"none", "to_a", "to_b"}  # no class for per_class to map
    by_class = audit["target"] == "class"
    assert set(audit.loc[by_class, "balanced_accuracy"]) == {"not available"}
    assert set(usefulness["reason"]) == set(audit.loc[by_class, "reason"]) == {"tcia has no labels"}
    assert set(audit.loc[~by_class, "reason"]) == {"–"}
    assert (tables["fid"].loc[tables["fid"]["normaliser"] == "reinhard", "measured_fid"] != "not available").any()
    audit_figure(measured, tmp_path / "a.svg")
    assert "tcia has no labels" in drawn(tmp_path / "a.svg")[1]


def test_under_the_thesis_protocol_nothing_is_held_back(stage: Stage) -> None:
    fitted = {"none": stage.normalizers["none"]}
    table = stain_tables(evaluated(stage.images, fitted, "thesis", rendered=False))["usefulness"]
    assert table["n"].tolist() == [0, 0, 12, 12]
    assert table["images"].tolist()[2:] == ["all (all were seen in training)"] * 2
    assert (table.loc[:1, ["accuracy", "low", "high", "gain_over_raw"]] == "not available").all().all()
    assert set(table["reason"][:2]) == {"the split holds no such image back"}


def test_truth_shows_what_is_left_of_the_difference(stage: Stage) -> None:
    table = stage.tables["truth"]
    assert table["brought_to"].tolist() == ["A (mendeley)"] * 3 + ["B (tcia)"] * 3
    share = table["share_of_untouched_left"].astype(float)
    assert share[0] == share[3] == 1
    ratio = table["delta_e"].astype(float) / table["delta_e_untouched"].astype(float)
    assert np.allclose(share, ratio, atol=2e-3)
    assert share[1] < 0.9  # Reinhard brings the smears nearer


def test_truth_of_photographs_is_one_row_that_says_why(stage: Stage) -> None:
    photographs = [replace(result, metrics={**result.metrics, "truth": []}) for result in stage.measured]
    table = stain_tables(photographs)["truth"]
    assert list(table.columns) == list(stage.tables["truth"].columns)
    assert table.shape[0] == 1
    assert set(table.iloc[0].drop(["normaliser", "reason"])) == {"not available"}
    assert "photographs" in table.iloc[0]["reason"]


def test_the_audit_shows_untouched_images_once(stage: Stage) -> None:
    table = stage.tables["audit"]
    block = table[(table["features"] == "colour") & (table["target"] == "source")]
    assert block["normaliser"].tolist() == ["untouched images", *NAMES[1:] * 3]
    assert block["direction"].tolist() == ["none", *(d for d in ("per_class", "to_a", "to_b") for _ in range(2))]
    assert len(table) == 6 * len(block)
    found = stage.measured[0].row("audit", direction="none", target="source", features="colour")
    assert found is not None
    assert float(block.iloc[0]["balanced_accuracy"]) == pytest.approx(found["accuracy"], abs=5e-4)
    assert set(block["chance"]) == {"0.500"}
    without = stain_tables(stage.measured[1:])["audit"]
    pd.testing.assert_frame_equal(without, table, check_dtype=False)


def test_a_probe_without_result_says_why(stage: Stage, tmp_path: Path) -> None:
    changed = deepcopy(stage.measured)
    for row in changed[1].metrics["audit"]:
        if row["target"] == "label":
            row |= dict.fromkeys(("accuracy", "low", "high", "chance")) | {
                "reason": "too few groups",
                "left_out": CLASSES,
            }
    table = stain_tables(changed)["audit"]
    poor = table[(table["normaliser"] == "reinhard") & (table["target"] == "class")]
    assert set(poor["balanced_accuracy"]) == set(poor["chance"]) == {"not available"}
    assert set(poor["reason"]) == {"too few groups"}
    assert set(poor["classes_left_out"]) == {"basophil, monocyte"}
    audit_figure(changed, tmp_path / "a.svg")
    assert drawn(tmp_path / "a.svg")[1].count("not available: too few groups") == 3


def test_rendered_pairs_are_counted_as_such(stage: Stage) -> None:
    paired = replace(stage.measured[2], training={**stage.measured[2].training, "images": {"pairs": 96}})
    table = stain_tables([stage.measured[0], paired])["cost"]
    assert table["trained_images"].tolist() == ["none", "96 rendered pairs"]


def test_the_colour_difference_to_a_teacher_is_shown_where_there_is_one(stage: Stage) -> None:
    assert "mean_delta_e_to_teacher" not in stage.tables["cost"]
    differences = {"to_a": {"mean": 1.234}, "to_b": {"mean": 2.0}}
    pupil = replace(stage.measured[2], training={**stage.measured[2].training, "delta_e_to_teacher": differences})
    table = stain_tables([stage.measured[0], pupil])["cost"]
    assert table["mean_delta_e_to_teacher"].tolist() == ["no teacher", "to A 1.23, to B 2.00"]


def test_normalisers_are_read_in_the_order_given(stage: Stage, tmp_path: Path) -> None:
    for result in stage.measured:
        write_json(result.metrics, tmp_path / f"{result.name}.json")
        write_json(result.training, tmp_path / f"{result.name}_training.json")
    names = ["wcyclegan_gp", "none"]
    paths = [[tmp_path / f"{name}{end}.json" for name in names] for end in ("", "_training")]
    read = read_normalizer_results([["mine", "wcyclegan_gp"], ["none", "none"]], *paths)
    assert [result.label for result in read] == ["mine", "none (untouched)"]
    assert read[0].metrics == stage.measured[2].metrics
    assert cell(stain_tables(read)["cost"], "reported_training_time", normaliser="mine") == "10h36m"


def test_numbers_and_times_are_readable() -> None:
    assert [number(value, 2) for value in (1.005001, -0.001, None, 12345.678)] == [
        "1.01",
        "0.00",
        "not available",
        "12345.68",
    ]
    assert [duration(s) for s in (0.04, 59.94, 60, 185.4, 3599.6, 45374)] == [
        "0.0s", "59.9s", "1m00s", "3m05s", "1h00m00s", "12h36m14s",
    ]  # fmt: skip


def test_the_audit_figure_shows_both_probes_for_every_normaliser(stage: Stage, tmp_path: Path) -> None:
    for name in ("1.svg", "2.svg"):
        audit_figure(stage.measured, tmp_path / name)
    text = drawn(tmp_path / "1.svg")[1]
    for words in (
        "source predicted from colour (n = 25)",
        "class predicted from colour",
        "untouched images",
        *NAMES[1:],
        "chance",
    ):
        assert words in text
    assert "none (untouched)" not in text
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
