"""Tables of classification and of balanced sets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.classifier_runs import COUNTS, OURS, ROWS, ClassifierRuns, build_run
from helpers.result_tables import columns_used
from hemabalance.classes import UNDECIDED
from hemabalance.classify.expert_agreement import expert_agreement, expert_labels
from hemabalance.report.balance.tables import balance_tables
from hemabalance.report.cells import NOT_AVAILABLE, NOT_REPORTED, write_csv
from hemabalance.report.classify.ablations import ablations_of, ablations_table
from hemabalance.report.classify.classifier_results import reported_accuracies, thesis_name_for
from hemabalance.report.classify.comparison_results import read_comparison_results
from hemabalance.report.classify.comparisons import comparisons_table, expert_agreement_table, seeds_table
from hemabalance.report.classify.scores import classify_tables

NETWORKS = {
    "efficientnet_b0": 92.44, "inception_v3": 90.19, "naive_bayes": 81.85, "resnet50": 85.38, "resnext101_64x4d": 93.32,
    "senet154": 96.9, "senet154_ge": 98.4, "sequential_cnn": 96.83, "seresnext50_32x4d": 95.90, "vgg19": 83.6,
    "xception": 84.20, "logistic": None,
}  # fmt: skip


def read_back(tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, pd.DataFrame]:
    """Write tables and read them back; cells must not be blank, and rows with missing values need a reason."""
    found = {}
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
        found[name] = pd.read_csv(folder / f"{name}.csv", dtype="str", keep_default_na=False)
        assert not found[name].isin(["", "nan", "NaN", "None"]).any().any(), found[name]
        missing = found[name].drop(columns="reason", errors="ignore").eq(NOT_AVAILABLE).any(axis=1)
        if missing.any():
            assert (found[name].loc[missing, "reason"] != "–").all(), found[name]
    return found


def row_of(table: pd.DataFrame, **keys: str) -> Any:
    for key, value in keys.items():
        table = table[table[key] == value]
    assert len(table) == 1, table
    return table.iloc[0]


# --- what the thesis reports


@pytest.mark.parametrize(("network", "percent"), NETWORKS.items())
def test_a_model_stands_beside_its_figure_on_the_balanced_set(network: str, percent: float | None) -> None:
    name = thesis_name_for(network, "reinhard", "c_wgan_gp", "fewshot_meta")
    assert (None if name is None else reported_accuracies()[name]) == percent
    assert thesis_name_for(network, "reinhard", "dcgan", "fewshot_meta") is None


def test_recipes_stand_beside_their_own_figure() -> None:
    accuracies = [reported_accuracies()[str(thesis_name_for(*(row[k] for k in list(OURS))))] for row in ROWS]
    assert accuracies == [98.4, 96.9, 95.8, 95.0, 94.3]
    assert reported_accuracies()[str(thesis_name_for("senet154_ge", "none", None, None))] == 92.41
    assert thesis_name_for("senet154_ge", "reinhard", None, None) is None  # normalised only: not in the thesis
    assert thesis_name_for("vgg19", "none", None, None) is None


# --- tables


def test_models_show_measured_and_reported_apart(classifier_run_set: ClassifierRuns, tmp_path: Path) -> None:
    tables = read_back(
        classify_tables([one.scored for one in classifier_run_set.runs.values()], preset="thesis"), tmp_path
    )
    assert list(tables) == ["models", "classes", "sources", "cost"]
    ours = row_of(tables["models"], experiment="balanced", seed="1")
    right = (
        classifier_run_set.runs["balanced"].predictions["predicted"]
        == classifier_run_set.runs["balanced"].predictions["label"]
    ).mean()
    assert (ours["reported_accuracy"], ours["measured_accuracy"]) == ("0.984", f"{right:.4f}")
    assert float(ours["measured_accuracy_low"]) < right < float(ours["measured_accuracy_high"])
    assert ours["n"] == str(sum(COUNTS.values()))
    assert row_of(tables["models"], experiment="original")["reported_accuracy"] == NOT_REPORTED
    vgg = row_of(tables["models"], experiment="vgg19")
    assert (vgg["reported_accuracy"], vgg["measured_accuracy"], vgg["reason"]) == (
        "0.836",
        NOT_AVAILABLE,
        "not in this run",
    )
    cost = row_of(tables["cost"], experiment="balanced", seed="1")
    assert (cost["reported_training_time"], cost["measured_training_time"]) == ("8h03m", "1h02m05s")
    assert (cost["parameters_million"], cost["steps"]) == ("1.235", "2000")
    assert set(tables["sources"]["source"]) == {"mendeley", "tcia"}
    halves = tables["sources"][(tables["sources"]["experiment"] == "plain")]["n"].astype(int)
    assert halves.sum() == sum(COUNTS.values())


def test_the_page_of_results_names_columns_that_exist(classifier_run_set: ClassifierRuns) -> None:
    results = [one.scored for one in classifier_run_set.runs.values()]
    tables = classify_tables(results, preset="thesis") | {
        "comparisons": comparisons_table(classifier_run_set.comparisons),
        "seeds": seeds_table(results),
        "ablations": ablations_table(classifier_run_set.ablations, preset="thesis"),
    }
    for name, table in tables.items():
        assert columns_used(f"classify_{name}") <= set(table.columns), name


def test_a_class_without_a_test_image_is_not_estimable(classifier_run_set: ClassifierRuns, tmp_path: Path) -> None:
    table = read_back(
        classify_tables(
            [classifier_run_set.runs["balanced"].scored, classifier_run_set.runs["plain"].scored], preset="thesis"
        ),
        tmp_path,
    )["classes"]
    for experiment in ("balanced", "plain"):
        smudge = row_of(table, experiment=experiment, **{"class": "smudge_cell"})
        assert (smudge["n"], smudge["reason"]) == ("0", "no test image of this class")
        for name in ("sensitivity", "specificity", "one_vs_rest_accuracy", "auroc", "precision", "f1"):
            assert smudge[name] == NOT_AVAILABLE
    assert row_of(table, experiment="balanced", **{"class": "monocyte"})["reported_sensitivity"] == "0.967"
    assert row_of(table, experiment="plain", **{"class": "smudge_cell"})["reported_accuracy"] == "0.91"
    assert row_of(table, experiment="plain", **{"class": "platelet"})["reported_accuracy"] == NOT_REPORTED


def test_predictions_of_one_class_only_and_no_images_have_reasons(tmp_path: Path) -> None:
    one = build_run(tmp_path, "stubborn", skill=0, only="platelet").scored
    none = build_run(tmp_path, "idle", skill=0, counts={}).scored
    tables = read_back(classify_tables([one, none], preset="thesis"), tmp_path)
    monocyte = row_of(tables["classes"], experiment="stubborn", **{"class": "monocyte"})
    assert (monocyte["sensitivity"], monocyte["precision"]) == ("0.000", NOT_AVAILABLE)
    assert "precision is not defined" in monocyte["reason"]
    assert row_of(tables["models"], experiment="idle")["measured_accuracy"] == NOT_AVAILABLE
    idle = tables["sources"].query("experiment == 'idle'")
    assert (idle["source"].tolist(), idle["n"].tolist(), idle["reason"].tolist()) == (
        ["none"],
        ["0"],
        ["no test image"],
    )
    read_back({"seeds": seeds_table([none])}, tmp_path)


def test_comparisons_give_paired_differences(classifier_run_set: ClassifierRuns, tmp_path: Path) -> None:
    table = read_back({"c": comparisons_table(classifier_run_set.comparisons)}, tmp_path)["c"]
    assert table["seed"].tolist() == ["1", "2", "1"]
    first = row_of(table, b="original", seed="1")
    tables = [classifier_run_set.runs[name].predictions for name in ("balanced", "original")]
    better, worse = (table["predicted"] == table["label"] for table in tables)
    assert first["accuracy_a_less_b"] == f"{better.mean() - worse.mean():.4f}"
    assert first["right_only_in_a"] == str(int((better & ~worse).sum()))
    assert first["mcnemar_p"] == "<0.0001"
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for path, one in zip(files, classifier_run_set.comparisons, strict=True):
        path.write_text(json.dumps(one.content))
    assert read_comparison_results(["leak_free"] * 2, files) == classifier_run_set.comparisons


def test_a_comparison_can_be_swapped(classifier_run_set: ClassifierRuns) -> None:
    one = classifier_run_set.comparisons[0]
    swapped = one.swapped("original")
    assert swapped.names == ("original", "balanced")
    there, back = one.seed(1), swapped.seed(1)
    assert back["macro_f1"]["value"] == -there["macro_f1"]["value"]
    assert (back["macro_f1"]["low"], back["macro_f1"]["high"]) == (
        -there["macro_f1"]["high"],
        -there["macro_f1"]["low"],
    )
    assert back["mcnemar"]["only_a"] == there["mcnemar"]["only_b"]
    assert swapped.swapped("balanced") == one
    with pytest.raises(KeyError, match="mine is neither"):
        one.swapped("mine")
    with pytest.raises(KeyError, match="seed 9"):
        one.seed(9)


def test_seeds_give_mean_and_spread(classifier_run_set: ClassifierRuns, tmp_path: Path) -> None:
    trainings = [classifier_run_set.runs[name].scored for name in ("balanced", "again", "plain")]
    table = read_back({"s": seeds_table(trainings)}, tmp_path)["s"]
    values = [one.metric("accuracy")["value"] for one in trainings[:2]]
    ours = row_of(table, experiment="balanced")
    assert (ours["seeds"], ours["n_seeds"]) == ("1, 2", "2")
    assert ours["mean_accuracy"] == f"{sum(values) / 2:.4f}"
    assert ours["sd_accuracy"] == f"{abs(values[0] - values[1]) / 2**0.5:.4f}"
    lone = row_of(table, experiment="plain")
    assert (lone["sd_accuracy"], lone["reason"]) == (NOT_AVAILABLE, "one seed has no spread")


def test_ablations_have_five_rows_for_any_run(classifier_run_set: ClassifierRuns, tmp_path: Path) -> None:
    table = read_back({"a": ablations_table(classifier_run_set.ablations, preset="thesis")}, tmp_path)["a"]
    assert table["row"].tolist() == [row["row"] for row in ROWS]
    assert table["reported_accuracy"].tolist() == ["0.984", "0.969", "0.958", "0.95", "0.943"]
    assert table["reason"].tolist() == ["–", "not in this run", "–", "not in this run", "not in this run"]
    column = "accuracy_less_that_of_the_whole"
    assert table[column].tolist()[:2] == ["–", NOT_AVAILABLE]
    accuracies = [float(table.loc[place, "measured_accuracy"]) for place in (0, 2)]
    assert float(table.loc[2, column]) == pytest.approx(accuracies[1] - accuracies[0], abs=2e-4)
    assert float(table.loc[2, f"{column}_high"]) < 0
    uncompared = ablations_table(
        ablations_of(ROWS, [one.scored for one in classifier_run_set.runs.values()], [], preset="thesis"),
        preset="thesis",
    )
    assert row_of(uncompared, row="without stain normalisation")["reason"] == "not compared with the whole in this run"


def test_the_table_of_agreement_has_rows_of_experts_and_models(
    classifier_run_set: ClassifierRuns, tmp_path: Path
) -> None:
    found = classifier_run_set.runs["balanced"].predictions.query("source == 'tcia' and label == 'myeloblast'")
    manifest = found[["image_id", "label"]].assign(status="kept", label_raw="MYO", expert_1="myeloblast")
    manifest["expert_2"] = [UNDECIDED, "monoblast"] + ["myeloblast"] * (len(found) - 2)
    inventory = found[["image_id"]].assign(expert_1="MYO", expert_2=["UNC", "MOB"] + ["MYO"] * (len(found) - 2))
    labels = expert_labels(manifest, 2, inventory)
    agreements = {
        name: {"tcia": expert_agreement(labels, classifier_run_set.runs[name].predictions)}
        for name in ("balanced", "plain")
    }
    agreements = json.loads(json.dumps(agreements))
    table = read_back({"y": expert_agreement_table(agreements, preset="thesis")}, tmp_path)["y"]
    assert "source" not in table.columns
    own = read_back({"y": expert_agreement_table(agreements, preset="none")}, tmp_path)["y"]
    assert own["source"].unique().tolist() == ["tcia"]
    assert own.drop(columns="source").equals(table)
    nobody = read_back({"y": expert_agreement_table({"balanced": {}}, preset="none")}, tmp_path)["y"]
    assert nobody["reason"].tolist() == ["no source has labels by further experts"]
    assert table["by"].tolist() == ["experts"] * 12 + ["a model"] * 6
    keys = {"against": "the archive's label", "in": "final classes"}
    second = row_of(table, of="second re-annotation", images="all re-annotated", **keys)
    assert (second["n"], second["agree"], second["undecided"]) == (str(len(found)), str(len(found) - 2), "1")
    model = row_of(table, of="balanced", **keys)
    assert int(model["agree"]) == int((found["predicted"] == "myeloblast").sum())


def test_tables_of_balanced_sets_have_counts_and_leaks(audits: list[Any], tmp_path: Path) -> None:
    tables = read_back(balance_tables(audits), tmp_path)
    keys = {"protocol": "leak_free", "class": "promyelocyte"}
    counts = row_of(tables["counts"], **keys)
    assert (counts["train_real"], counts["train_synthetic"], counts["short_of_target"]) == ("3", "10", "7")
    for protocol, audit in zip(("leak_free", "thesis"), audits, strict=True):
        total = row_of(tables["counts"], protocol=protocol, **{"class": "all"})
        parts = [total[f"{part}_{o}"] for part in ("train", "validation", "test") for o in ("real", "synthetic")]
        assert sum(map(int, parts)) == sum(row["n"] for row in audit["counts"])
    leaks = tables["leaks"][tables["leaks"]["protocol"] == "leak_free"]
    assert (leaks[["test_images", "copies", "in_no_manifest"]] == "0").all().all()
    assert leaks["who"].tolist()[:2] == ["normalizer stain", "generator rich"]
    assert leaks.iloc[-1]["checked"] == "by content, each against 14 test images"
    pooled = row_of(tables["leaks"], protocol="thesis", who="generator rich")
    assert int(pooled["test_images"]) > 0
    assert set(tables["shortcuts"]["told_from_colour"]) == {
        "source of real images",
        "real or synthetic",
        "class of all",
    }
