"""Tables of classification and of balanced sets, the headline, and the page that shows them."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import balanced_sets
import pandas as pd
import pytest
from makers import hand_made
from scored_runs import COUNTS, ORIGINAL, OURS, PLAIN, Trained, compared, history, trained

from browser import browser, shown
from hemabalance.classify.yardstick import yardstick
from hemabalance.report.balance_figure import balance_figure
from hemabalance.report.balance_tables import balance_tables, read_audits
from hemabalance.report.cells import NOT_AVAILABLE, NOT_REPORTED
from hemabalance.report.classify_ablations import Ablation, ablations_figure, ablations_of, ablations_table
from hemabalance.report.classify_comparisons import comparisons_table, seeds_table, yardstick_table
from hemabalance.report.classify_curves import curves_figure
from hemabalance.report.classify_scores import classify_tables
from hemabalance.report.compared import Compared, read_compared
from hemabalance.report.counts import write_csv
from hemabalance.report.headline import headline, read_headline, write_headline
from hemabalance.report.page import write_page
from hemabalance.report.scored import Scored, reported_accuracies, told_as

ROWS = [
    {"row": "full", "name": "balanced", **OURS},
    {"row": "without gather-excite", "name": "senet154_balanced", **OURS, "network": "senet154"},
    {"row": "without stain normalisation", "name": "no_stain", **OURS, "normalizer": "none"},
    {"row": "without C-WGAN-GP (few-shot for all)", "name": "fewshot_only", **OURS, "rich": "fewshot_meta"},
    {"row": "without few-shot (C-WGAN-GP for all)", "name": "c_wgan_gp_only", **OURS, "rare": "c_wgan_gp"},
]
NETWORKS = {
    "efficientnet_b0": 92.44, "inception_v3": 90.19, "naive_bayes": 81.85, "resnet50": 85.38, "resnext101_64x4d": 93.32,
    "senet154": 96.9, "senet154_ge": 98.4, "sequential_cnn": 96.83, "seresnext50_32x4d": 95.90, "vgg19": 83.6,
    "xception": 84.20, "logistic": None,
}  # fmt: skip


@dataclass
class Stage:
    """A few trainings, and what came of comparing them."""

    of: dict[str, Trained]
    comparisons: list[Compared]

    @property
    def ablations(self) -> list[Ablation]:
        return ablations_of(ROWS, [one.scored for one in self.of.values()], self.comparisons)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("stage")
    of = {
        "balanced": trained(folder, "balanced", skill=5.5),
        "again": trained(folder, "balanced", skill=5.5, seed=2),
        "original": trained(folder, "original", skill=3.5, like=ORIGINAL),
        "plain": trained(folder, "plain", skill=3.2, like=PLAIN),
        "no_stain": trained(folder, "no_stain", skill=3.2, like={**OURS, "normalizer": "none"}),
        "pooled": trained(folder, "balanced_thesis", skill=7, protocol="thesis"),
    }
    original_again = trained(folder, "original", skill=3.5, seed=2, like=ORIGINAL)
    pairs = [
        compared([of["balanced"], of["again"]], [of["original"], original_again]),
        compared([of["balanced"]], [of["no_stain"]]),
    ]
    return Stage(of, pairs)


def read_back(tables: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, pd.DataFrame]:
    """The tables as a reader of the CSV files has them; no cell is blank, and what is missing has a reason."""
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
    name = told_as(network, "reinhard", "c_wgan_gp", "fewshot_meta")
    assert (None if name is None else reported_accuracies()[name]) == percent
    assert told_as(network, "reinhard", "dcgan", "fewshot_meta") is None


def test_recipes_stand_beside_their_own_figure() -> None:
    told = [reported_accuracies()[str(told_as(*(row[k] for k in list(OURS))))] for row in ROWS]
    assert told == [98.4, 96.9, 95.8, 95.0, 94.3]
    assert reported_accuracies()[str(told_as("senet154_ge", "none", None, None))] == 92.41
    assert (
        told_as("senet154_ge", "reinhard", None, None) is None
    )  # normalised and not balanced: the thesis has no such figure
    assert told_as("vgg19", "none", None, None) is None


# --- tables


def test_models_show_measured_and_reported_apart(stage: Stage, tmp_path: Path) -> None:
    tables = read_back(classify_tables([one.scored for one in stage.of.values()]), tmp_path)
    assert list(tables) == ["models", "classes", "sources", "cost"]
    ours = row_of(tables["models"], experiment="balanced", seed="1")
    right = (stage.of["balanced"].predictions["predicted"] == stage.of["balanced"].predictions["label"]).mean()
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


def test_a_class_without_a_test_image_is_not_estimable(stage: Stage, tmp_path: Path) -> None:
    table = read_back(classify_tables([stage.of["balanced"].scored, stage.of["plain"].scored]), tmp_path)["classes"]
    for experiment in ("balanced", "plain"):
        smudge = row_of(table, experiment=experiment, **{"class": "smudge_cell"})
        assert (smudge["n"], smudge["reason"]) == ("0", "no test image of this class")
        for name in ("sensitivity", "specificity", "one_vs_rest_accuracy", "auroc", "precision", "f1"):
            assert smudge[name] == NOT_AVAILABLE
    assert row_of(table, experiment="balanced", **{"class": "monocyte"})["reported_sensitivity"] == "0.967"
    assert row_of(table, experiment="plain", **{"class": "smudge_cell"})["reported_accuracy"] == "0.91"
    assert row_of(table, experiment="plain", **{"class": "platelet"})["reported_accuracy"] == NOT_REPORTED


def test_all_predictions_of_one_class_and_no_image_at_all_are_told(tmp_path: Path) -> None:
    one = trained(tmp_path, "stubborn", skill=0, only="platelet").scored
    none = trained(tmp_path, "idle", skill=0, counts={}).scored
    tables = read_back(classify_tables([one, none]), tmp_path)
    monocyte = row_of(tables["classes"], experiment="stubborn", **{"class": "monocyte"})
    assert (monocyte["sensitivity"], monocyte["precision"]) == ("0.000", NOT_AVAILABLE)
    assert "precision is not defined" in monocyte["reason"]
    assert row_of(tables["models"], experiment="idle")["measured_accuracy"] == NOT_AVAILABLE
    assert (tables["sources"].query("experiment == 'idle'")["reason"] == "no test image of this source").all()
    read_back({"seeds": seeds_table([none])}, tmp_path)


def test_comparisons_give_paired_differences(stage: Stage, tmp_path: Path) -> None:
    table = read_back({"c": comparisons_table(stage.comparisons)}, tmp_path)["c"]
    assert table["seed"].tolist() == ["1", "2", "1"]
    first = row_of(table, b="original", seed="1")
    tables = [stage.of[name].predictions for name in ("balanced", "original")]
    better, worse = (table["predicted"] == table["label"] for table in tables)
    assert first["accuracy_a_less_b"] == f"{better.mean() - worse.mean():.4f}"
    assert first["right_only_in_a"] == str(int((better & ~worse).sum()))
    assert first["mcnemar_p"] == "<0.0001"
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for path, one in zip(files, stage.comparisons, strict=True):
        path.write_text(json.dumps(one.found))
    assert read_compared(["leak_free"] * 2, files) == stage.comparisons


def test_a_comparison_can_be_turned(stage: Stage) -> None:
    one = stage.comparisons[0]
    turned = one.turned("original")
    assert turned.names == ("original", "balanced")
    there, back = one.seed(1), turned.seed(1)
    assert back["macro_f1"]["value"] == -there["macro_f1"]["value"]
    assert (back["macro_f1"]["low"], back["macro_f1"]["high"]) == (
        -there["macro_f1"]["high"],
        -there["macro_f1"]["low"],
    )
    assert back["mcnemar"]["only_a"] == there["mcnemar"]["only_b"]
    assert turned.turned("balanced") == one
    with pytest.raises(KeyError, match="mine is neither"):
        one.turned("mine")
    with pytest.raises(KeyError, match="seed 9"):
        one.seed(9)


def test_seeds_give_mean_and_spread(stage: Stage, tmp_path: Path) -> None:
    trainings = [stage.of[name].scored for name in ("balanced", "again", "plain")]
    table = read_back({"s": seeds_table(trainings)}, tmp_path)["s"]
    values = [one.metric("accuracy")["value"] for one in trainings[:2]]
    ours = row_of(table, experiment="balanced")
    assert (ours["seeds"], ours["n_seeds"]) == ("1, 2", "2")
    assert ours["mean_accuracy"] == f"{sum(values) / 2:.4f}"
    assert ours["sd_accuracy"] == f"{abs(values[0] - values[1]) / 2**0.5:.4f}"
    lone = row_of(table, experiment="plain")
    assert (lone["sd_accuracy"], lone["reason"]) == (NOT_AVAILABLE, "one seed has no spread")


def test_ablations_have_five_rows_whatever_was_run(stage: Stage, tmp_path: Path) -> None:
    table = read_back({"a": ablations_table(stage.ablations)}, tmp_path)["a"]
    assert table["row"].tolist() == [row["row"] for row in ROWS]
    assert table["reported_accuracy"].tolist() == ["0.984", "0.969", "0.958", "0.95", "0.943"]
    assert table["reason"].tolist() == ["–", "not in this run", "–", "not in this run", "not in this run"]
    column = "accuracy_less_that_of_the_whole"
    assert table[column].tolist()[:2] == ["–", NOT_AVAILABLE]
    accuracies = [float(table.loc[place, "measured_accuracy"]) for place in (0, 2)]
    assert float(table.loc[2, column]) == pytest.approx(accuracies[1] - accuracies[0], abs=2e-4)
    assert float(table.loc[2, f"{column}_high"]) < 0
    uncompared = ablations_table(ablations_of(ROWS, [one.scored for one in stage.of.values()], []))
    assert row_of(uncompared, row="without stain normalisation")["reason"] == "not compared with the whole in this run"


def test_the_yardstick_tells_experts_from_models(stage: Stage, tmp_path: Path) -> None:
    found = stage.of["balanced"].predictions.query("source == 'tcia' and label == 'myeloblast'")
    looked = [
        {"image_id": i, "label": "myeloblast", "label_raw": "MYO", "reannotation_1": "MYO", "reannotation_2": second}
        for i, second in zip(found["image_id"], ["UNC", "MOB"] + ["MYO"] * (len(found) - 2), strict=True)
    ]
    said = {
        name: {"source": "tcia", "rows": yardstick(hand_made(looked), stage.of[name].predictions, taxonomy="thesis")}
        for name in ("balanced", "plain")
    }
    table = read_back({"y": yardstick_table(json.loads(json.dumps(said)))}, tmp_path)["y"]
    assert table["by"].tolist() == ["experts"] * 12 + ["a model"] * 6
    keys = {"against": "the archive's label", "in": "final classes"}
    second = row_of(table, of="second re-annotation", images="all re-annotated", **keys)
    assert (second["n"], second["agree"], second["undecided"]) == (str(len(found)), str(len(found) - 2), "1")
    model = row_of(table, of="balanced", **keys)
    assert int(model["agree"]) == int((found["predicted"] == "myeloblast").sum())


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("sets")
    made, pooled = balanced_sets.run(folder / "1"), balanced_sets.run(folder / "2", "thesis")
    found = [
        balanced_sets.audited(balanced_sets.walked(made)),
        balanced_sets.audited(balanced_sets.walked(pooled, "thesis")),
    ]
    for place, one in enumerate(found):
        (folder / f"{place}.json").write_text(json.dumps(one))
    return read_audits([folder / "0.json", folder / "1.json"])


def test_balanced_sets_are_counted_and_their_leaks_told(audits: list[Any], tmp_path: Path) -> None:
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


# --- the headline


def test_the_headline_answers_with_paired_intervals(stage: Stage, tmp_path: Path) -> None:
    a, b, pooled = (stage.of[name].scored for name in ("balanced", "original", "pooled"))
    found = headline(a, b, stage.comparisons[0], [pooled])
    assert found["question"] == "Do synthetic images help a classifier to tell blood cells apart?"
    assert found["answer"].startswith("Yes, on these images. From “original” to “balanced”: accuracy +0.")
    assert (found["n"], found["protocol"], found["seed"]) == (a.n, "leak_free", 1)
    assert [row["metric"] for row in found["rows"]] == ["accuracy", "balanced accuracy", "macro F1"]
    difference = stage.comparisons[0].seed(1)["accuracy"]
    expected = "{value:+.4f} ({low:+.4f} to {high:+.4f})".format(**difference)
    assert found["rows"][0]["difference"] == expected
    assert "Over 2 seeds" in " ".join(found["lines"])
    assert "can be higher than on images never seen" in found["why"]
    assert "0.9241" in found["reported"]
    write_headline(found, tmp_path / "h.json")
    assert read_headline(tmp_path / "h.json") == found


def test_a_run_that_compares_nothing_opens_without_a_headline(tmp_path: Path) -> None:
    write_headline(None, tmp_path / "headline.json")
    write_csv(comparisons_table([]), tmp_path / "classify_comparisons.csv")
    html = page(tmp_path, "local")
    assert 'id="answer"' not in html
    assert "this run has no two experiments that config compares" in said(html)


def test_the_headline_does_not_say_more_than_was_shown(stage: Stage) -> None:
    a, b = (stage.of[name].scored for name in ("balanced", "original"))
    turned = headline(replace(b, synthetic=True), replace(a, synthetic=False), stage.comparisons[0], [])
    assert turned["answer"].startswith("No, worse on these images. From “balanced” to “original”: accuracy -0.")
    assert (turned["beside"], turned["why"]) == ([], "")
    same = headline(a, a, compared([stage.of["balanced"]], [stage.of["balanced"]]), [])
    assert same["answer"].startswith("Not shown on these images.")
    assert {row["reading"] for row in same["rows"]} == {"no difference shown"}
    assert same["question"] == "Does balanced tell blood cells apart better than balanced?"
    assert "one training each" in " ".join(same["lines"])


def without_synthetic_images(stage: Stage, **changed: Any) -> tuple[Scored, Scored]:
    """Both experiments as they are when the gate accepts nothing."""
    of, said = stage.of["original"].scored, {"images": 4000, "synthetic": 0, "learned_from": "the same", **changed}
    a = replace(of, name="balanced", synthetic=True, training=dict(of.training) | said | {"drawn": 2400})
    return a, replace(of, training={**of.training, "learned_from": "the same"})


def test_the_headline_says_how_many_synthetic_images_were_added(stage: Stage) -> None:
    a, b = (stage.of[name].scored for name in ("balanced", "original"))
    found = headline(a, b, stage.comparisons[0], [])
    assert found["lines"][0] == (
        "Of the 5,000 training images of “balanced” 1,000 are synthetic, of the 4,000 of “original” 0."
    )
    neither = headline(replace(a, synthetic=False), b, stage.comparisons[0], [])
    assert "synthetic" not in " ".join(neither["lines"])


def test_the_headline_of_a_run_in_which_no_synthetic_image_was_accepted(stage: Stage) -> None:
    a, b = without_synthetic_images(stage)
    pair = Compared("leak_free", {**compared([stage.of["original"]], [stage.of["original"]]).found, "a": "balanced"})
    found = headline(a, b, pair, [])
    assert found["question"] == "Do synthetic images help a classifier to tell blood cells apart?"
    assert found["answer"] == (
        "This run cannot say: 0 of 2,400 drawn images entered “balanced” (none passed the gate, or no class was short "
        "of images), so both sets hold the same images and both experiments are the same training."
    )
    assert {row["reading"] for row in found["rows"]} == {"the same training"}
    assert found["lines"][0].startswith("Of the 4,000 training images of “balanced” 0 are synthetic")
    assert "McNemar" not in " ".join(found["lines"])


@pytest.mark.parametrize("changed", [{"learned_from": "fewer real images"}, {"synthetic": 1}])
def test_sets_that_differ_are_compared_however_little_was_added(stage: Stage, changed: dict[str, Any]) -> None:
    found = headline(*without_synthetic_images(stage, **changed), stage.comparisons[0], [])
    assert found["answer"].startswith("Yes, on these images.")
    assert found["question"].startswith("Do synthetic images help" if "synthetic" in changed else "Does balanced tell")
    assert "McNemar" in " ".join(found["lines"])


def test_the_headline_weighs_what_speaks_for_and_against(stage: Stage) -> None:
    a, b = (stage.of[name].scored for name in ("balanced", "original"))
    one = stage.comparisons[0]
    row, harm = one.seed(1), {"value": -0.1, "low": -0.2, "high": -0.05, "n": a.n}

    def told(**changed: Mapping[str, Any]) -> str:
        rows = [{**row, **changed}]
        answer: str = headline(a, b, Compared("leak_free", {**one.found, "by_seed": rows}), [])["answer"]
        return answer

    assert told(macro_f1=harm).startswith("It depends on what is counted.")
    assert told(macro_f1={**harm, "high": 0.05}).startswith("In part, on these images.")
    point = {"value": 0.1, "low": 0.1, "high": 0.1, "n": 3}  # an interval without width
    assert "macro F1 +0.1000 (no difference shown)" in told(macro_f1=point)


def test_the_headline_of_a_run_without_test_images(tmp_path: Path) -> None:
    none = trained(tmp_path, "idle", skill=0, counts={})
    found = headline(none.scored, none.scored, compared([none], [none]), [])
    assert found["answer"].startswith("This run cannot say")
    assert found["rows"][0]["a"] == NOT_AVAILABLE


# --- the page


@pytest.fixture(scope="module")
def made(stage: Stage, audits: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables and figures of the run, its `headline.json`, and the `report.html` of all."""
    folder = tmp_path_factory.mktemp("page")
    tables = {f"classify_{k}": v for k, v in classify_tables([one.scored for one in stage.of.values()]).items()}
    tables |= {"classify_comparisons": comparisons_table(stage.comparisons)}
    tables |= {"classify_ablations": ablations_table(stage.ablations)}
    tables |= {f"balance_{name}": table for name, table in balance_tables(audits).items()}
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
    balance_figure(audits[:1], folder / "balance_images_leak_free.svg")
    ablations_figure(stage.ablations, folder / "classify_ablations.svg")
    curves_figure({"balanced": history()}, folder / "classify_curves.svg")
    of = stage.of
    write_headline(
        headline(of["balanced"].scored, of["original"].scored, stage.comparisons[0], [of["pooled"].scored]),
        folder / "headline.json",
    )
    page(folder, "local")
    return folder


def page(folder: Path, origin: str) -> str:
    """The report of what lies in a folder, written there and read back."""
    write_page(
        folder / "report.html",
        run="made up",
        taxonomy="thesis",
        origins={"mendeley": origin},
        tables=sorted(folder.glob("*.csv")),
        figures=sorted(folder.glob("*.svg")),
        receipts=[],
        headline=folder / "headline.json",
    )
    return (folder / "report.html").read_text("utf-8")


def said(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html))


def test_the_page_opens_with_the_answer(stage: Stage, made: Path) -> None:
    html = page(made, "local")
    text = said(html.partition("<body>")[2])
    accuracy = "{value:.4f} ({low:.4f} to {high:.4f})".format(**stage.of["pooled"].scored.metric("accuracy"))
    order = [
        "Do synthetic images help",
        "Yes, on these images.",
        f"n = {sum(COUNTS.values()):,} real test images that no training saw, protocol leak_free",
        "(McNemar&#39;s exact p < 0.0001)",
        f"beside it, measured protocol accuracy n balanced_thesis thesis {accuracy}",
        "So its numbers can be higher than on images never seen",
        "Reported by the thesis, not measured here",
        "The archives",
        "Training images by class, protocol leak_free",
        "All numbers are measured on test images, none of them synthetic",
        "Experiments (thesis Fig. 52)",
    ]
    places = [text.find(words.replace("<", "&lt;")) for words in order]
    assert places == sorted(places)
    assert places[0] >= 0
    assert "no evidence about blood" not in text
    assert '<a href="#answer">' in html


def test_rendered_cells_are_no_evidence_even_in_the_answer(made: Path) -> None:
    html = page(made, "phantom")
    answer = said(html.partition('id="answer"')[2].partition("</section>")[0])
    assert "they are no evidence about blood" in answer
    assert f"n = {sum(COUNTS.values()):,} rendered test images" in answer
    assert "it is no evidence about blood" in said(html)


def test_every_picture_of_the_page_shows(made: Path, tmp_path: Path) -> None:
    html = page(made, "local")
    count = len(re.findall("<img ", html))
    assert count == len(list(made.glob("*.svg"))) == 3
    for address in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html):
        root = ElementTree.fromstring(base64.b64decode(address))
        assert all(float(root.attrib[side].removesuffix("pt")) > 0 for side in ("width", "height"))
    if browser():  # where none can be installed, what is above must do
        seen = shown(html, tmp_path)
        assert (seen.errors, seen.console) == ([], [])
        assert len(seen.sizes) == count
        assert all(min(sizes) > 100 for sizes in seen.sizes), seen


def test_the_report_does_not_load_pytorch() -> None:
    names = [
        "balance_figure", "balance_tables", "classify_ablations", "classify_bars", "classify_classes",
        "classify_comparisons", "classify_confusion", "classify_curves", "classify_examples", "classify_reliability",
        "classify_scores", "headline", "page",
    ]  # fmt: skip
    loads = "".join(f"import hemabalance.report.{name}\n" for name in names)
    done = subprocess.run([sys.executable, "-c", f"import sys\n{loads}assert 'torch' not in sys.modules"], check=False)
    assert done.returncode == 0
