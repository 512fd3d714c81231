"""Tables of the synthesis stage, made from results of the workflow's own code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.result_tables import columns_used
from helpers.stain_runs import drawn
from helpers.synthesis_runs import CLASSES, GeneratorRun, evaluate_generator, real_set, run_generator, split_of
from hemabalance.dataset.imageset import ImageSet
from hemabalance.files import write_json
from hemabalance.report.cells import write_csv
from hemabalance.report.page import write_page
from hemabalance.report.reported import reported
from hemabalance.report.synthesis.agreement import agreement_figure
from hemabalance.report.synthesis.generator_results import GeneratorResult, read_generator_results
from hemabalance.report.synthesis.tables import synthesis_tables

RICH, RARE = ("basophil", "monocyte"), ("promyelocyte",)
KINDS = ["precision", "fid", "pixels", "classes", "gate", "memory", "trust", "cost"]
OF = "mine on images of reinhard"


@dataclass
class Stage:
    real_images: ImageSet
    split: pd.DataFrame
    runs: dict[str, GeneratorRun]
    generators: list[GeneratorResult]
    tables: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with real_set(folder) as real_images:
        split = split_of(real_images, "leak_free")
        runs = {
            name: run_generator(folder, name, classes, real_images, split)
            for name, classes in (("mine", RICH), ("plain", RICH), ("few", RARE), ("every", CLASSES))
        }
        methods = {"mine": ("c_wgan_gp", "rich"), "plain": ("cwgan_gp", "rich"), "few": ("fewshot_meta", "rare")}
        generators = [evaluate_generator(name, *methods[name], runs[name], real_images, split) for name in methods]
        yield Stage(real_images, split, runs, generators, synthesis_tables(generators))


def cell(table: pd.DataFrame, column: str, **keys: str) -> Any:
    for key, value in keys.items():
        table = table[table[key] == value]
    assert len(table) == 1, table
    return table.iloc[0][column]


def test_no_cell_is_blank_and_missing_values_have_a_reason(stage: Stage, tmp_path: Path) -> None:
    assert list(stage.tables) == KINDS
    for name, table in stage.tables.items():
        write_csv(table, tmp_path / f"{name}.csv")
        read = pd.read_csv(tmp_path / f"{name}.csv", dtype="str", keep_default_na=False)
        assert not read.isin(["", "nan", "NaN", "None"]).any().any(), read
        assert {"mine", "plain", "few"} <= set(read["generator"])
        missing = read.drop(columns="reason", errors="ignore").eq("not available").any(axis=1)
        if missing.any():
            assert (read.loc[missing, "reason"] != "–").all()


def test_the_page_of_results_names_columns_that_exist(stage: Stage) -> None:
    for name, table in stage.tables.items():
        assert columns_used(f"synthesis_{name}") <= set(table.columns), name


def test_reported_values_are_those_of_the_thesis(stage: Stage) -> None:
    mine, few = {"generator": "mine"}, {"generator": "few"}
    with_floors = {name: stage.tables[name] for name in ("precision", "fid", "pixels")}
    tables = {name: table[table["images"] == "generated"] for name, table in with_floors.items()}
    tables["cost"] = stage.tables["cost"]
    shown = [cell(tables["precision"], f"reported_{name}_percent", **mine) for name in ("precision", "recall", "f1")]
    assert shown == ["97.93", "97.60", "97.15"]
    assert cell(tables["precision"], "reported_precision_percent", **few) == "not reported"
    names = ("reported_fid", "reported_inception_score", "reported_lpips")
    assert [cell(tables["fid"], name, **mine) for name in names] == ["57.82", "17.73 ± 0.11", "0.21"]
    assert [cell(tables["fid"], name, **few) for name in names] == ["51.62", "3.16 ± 0.28", "0.2956"]
    names = ("reported_psnr_db", "reported_ssim", "reported_l1", "reported_l2")
    assert [cell(tables["pixels"], name, **mine) for name in names] == ["40.18", "0.9862", "0.0691", "0.0326"]
    names = ("reported_training_time", "reported_episodes", "reported_parameters_million")
    assert [cell(tables["cost"], name, **mine) for name in names] == ["9h13m", "not reported", "not reported"]
    assert [cell(tables["cost"], name, **few) for name in names] == ["5h11m", "20000", "5.8"]


def test_every_method_of_the_thesis_has_its_row(stage: Stage) -> None:
    rich, rare = (set(reported(key)) for key in ("table19_gan_fid_is_lpips", "table21_fewshot_fid_is_lpips"))
    for name in ("fid", "cost"):
        table = stage.tables[name]
        reported_rows = table[table["normaliser"] == "–"]
        assert set(reported_rows.loc[reported_rows["classes"] == "rich", "generator"]) == rich - {
            "c_wgan_gp",
            "cwgan_gp",
        }
        assert set(reported_rows.loc[reported_rows["classes"] == "rare", "generator"]) == rare - {"fewshot_meta"}
        assert set(reported_rows["reason"]) == {"not in this run"}
        measured = reported_rows.drop(columns=["generator", "normaliser", "classes", "reason"])
        measured = measured[[c for c in measured if not c.startswith("reported") and c != "images"]]
        assert (measured == "not available").all().all()
        assert table["classes"].tolist() == sorted(table["classes"], key=["rich", "rare"].index)
    where = {"generator": "dcgan", "images": "reported only: not in this run"}
    assert cell(stage.tables["fid"], "reported_fid", **where) == "77.91"


def test_a_generator_of_all_classes_has_no_figure_of_the_thesis_beside_it(stage: Stage) -> None:
    result = evaluate_generator("every", "c_wgan_gp", "all", stage.runs["every"], stage.real_images, stage.split)
    for table in synthesis_tables([result]).values():
        reported_rows = table[table["generator"] == "every"].filter(like="reported")
        assert (reported_rows == "not reported").all().all()


def test_measured_figures_are_those_of_the_metrics(stage: Stage) -> None:
    result = stage.generators[0]
    for compare, images in (("generated", "generated"), ("floor", "floor: real images")):
        where = {"generator": "mine" if compare == "generated" else "mine, plain", "images": images}
        keys = {"label": "all", "compare": compare}
        for table, column, metric, key, scale in (
            ("fid", "measured_fid", "fidelity", "fid", 1),
            ("fid", "measured_kid_x1000", "fidelity", "kid", 1000),
            ("fid", "measured_kid_x1000_high", "fidelity", "kid_high", 1000),
            ("fid", "lpips_between_images_of_a_class", "diversity", "lpips", 1),
            ("fid", "lpips_to_nearest_real_training_image_low", "nearest", "lpips_low", 1),
            ("precision", "generative_recall", "manifold", "recall", 1),
            ("precision", "coverage_low", "manifold", "coverage_low", 1),
            ("precision", "classifier_agrees", "agreement", "rate", 1),
            ("pixels", "l2_to_nearest_real_training_image_by_lpips", "nearest", "l2", 1),
        ):
            shown, value = cell(stage.tables[table], column, **where), result.row(metric, **keys)[key]
            if value is None:  # too few test images
                assert shown == "not available"
            else:
                assert float(shown) == pytest.approx(scale * value, abs=6e-3), column
        counts = [cell(stage.tables["fid"], name, **where) for name in ("n_real", "n_generated")]
        assert counts == [result.row("fidelity", **keys)[name] for name in ("n_real", "n_generated")]


def test_different_floors_have_separate_rows(stage: Stage) -> None:
    of_macenko = replace(stage.generators[1], normalizer="macenko")
    table = synthesis_tables([stage.generators[0], of_macenko])["pixels"]
    floors = table[table["images"] == "floor: real images"]
    assert floors[["generator", "normaliser"]].to_numpy().tolist() == [["mine", "reinhard"], ["plain", "macenko"]]


def test_classes_have_rows_of_their_own(stage: Stage) -> None:
    table = stage.tables["classes"]
    assert table["class"].tolist() == ["basophil"] * 4 + ["monocyte"] * 4 + ["promyelocyte"] * 2
    where = {"class": "monocyte", "generator": "plain", "images": "generated"}
    row = stage.generators[1].row("fidelity", label="monocyte", compare="generated")
    assert float(cell(table, "measured_fid", **where)) == pytest.approx(row["fid"], abs=6e-3)


def test_without_test_images_the_floor_says_why(stage: Stage, tmp_path: Path) -> None:
    split = split_of(stage.real_images, "thesis")
    result = evaluate_generator("mine", "c_wgan_gp", "rich", stage.runs["mine"], stage.real_images, split)
    for name in ("precision", "fid", "classes"):
        table = synthesis_tables([result])[name]
        floor = table[table["images"] == "floor: real images"]
        values = floor.filter(regex="^(measured_fid|generative_precision|classifier_agrees)$")
        assert values.shape[1]
        assert (values == "not available").all().all()
        assert (floor["reason"].str.len() > 5).all()
    agreement_figure(result, tmp_path / "a.svg")
    assert "real" not in drawn(tmp_path / "a.svg")[1]


def test_the_gate_table_counts_what_was_drawn(stage: Stage) -> None:
    table, draws = stage.tables["gate"], stage.runs["mine"].samples.table
    row = table[(table["generator"] == "mine") & (table["class"] == "monocyte")].iloc[0]
    rows = draws[draws["label"] == "monocyte"]
    assert [row["drawn"], row["accepted"]] == [len(rows), rows["accepted"].sum()]
    assert float(row["accepted_share"]) == pytest.approx(rows["accepted"].mean(), abs=5e-4)
    assert float(row["failed_copy_share"]) == pytest.approx(rows["copy"].mean(), abs=5e-4)
    assert float(row["failed_manifold_share"]) == pytest.approx(1 - rows["inside"].mean(), abs=5e-4)
    assert float(row["failed_class_share_low"]) < 1 - rows["agrees"].mean() < float(row["failed_class_share_high"])
    total = table[(table["generator"] == "mine") & (table["class"] == "all")].iloc[0]
    assert total["accepted"] == draws["accepted"].sum()
    short = table[(table["generator"] == "mine") & (table["class"] == "basophil")].iloc[0]
    assert "short of its target" in short["note"]


def test_memorisation_is_compared_with_held_back_images(stage: Stage) -> None:
    table = stage.tables["memory"]
    rows = table[table["generator"] == "mine"]
    assert rows["class"].tolist() == ["all"] * 2 + ["basophil"] * 2 + ["monocyte"] * 2
    assert rows["images"].tolist() == ["generated", "real, held back"] * 3
    expected = stage.generators[0].row("memorisation", label="basophil", kind="generated")
    row = rows[(rows["class"] == "basophil") & (rows["images"] == "generated")].iloc[0]
    assert [row["n"], row["copies"]] == [expected["n"], expected["copies"]]
    assert float(row["share"]) == pytest.approx(expected["share"], abs=5e-4)
    rare = table[(table["class"] == "promyelocyte") & (table["images"] == "real, held back")].iloc[0]
    assert (rare["share"], rare["reason"]) == ("not available", "there are no such images")


def test_cost_names_networks_and_their_sum(stage: Stage) -> None:
    where = {"generator": "mine"}
    assert cell(stage.tables["cost"], "measured_parameters_million", **where) == "1.238"
    assert cell(stage.tables["cost"], "parameters_by_network", **where) == "generator 1,234,567, critic 3,456"
    assert cell(stage.tables["cost"], "measured_training_time", **where) == "1h02m05s"


def test_generators_are_read_in_the_order_given(stage: Stage, tmp_path: Path) -> None:
    for result in stage.generators:
        for end, value in (("metrics", result.metrics), ("training", result.training), ("gate", result.gate)):
            write_json(value, tmp_path / f"{result.name}_{end}.json")
    known = [
        {"name": result.name, "method": result.method, "serves": result.serves, "normalizer": result.normalizer}
        for result in stage.generators
    ]
    files = [[tmp_path / f"{row['name']}_{end}.json" for row in known] for end in ("metrics", "training", "gate")]
    assert read_generator_results(known, *files) == stage.generators


def test_the_page_shows_all_of_it(stage: Stage, tmp_path: Path) -> None:
    tables = []
    for name, table in stage.tables.items():
        tables.append(tmp_path / f"synthesis_{name}_leak_free.csv")
        write_csv(table, tables[-1])
    figure = tmp_path / "synthesis_pairs_leak_free_c_wgan_gp_on_wcyclegan_gp.svg"
    figure.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    write_page(
        tmp_path / "r.html",
        run="r",
        preset="thesis",
        taxonomy="thesis",
        origins={},
        tables=tables,
        figures=[figure],
        receipts=[],
    )
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "c_wgan_gp on images of wcyclegan_gp: nearest training images, protocol leak_free" in text
    assert "(thesis Tables 19 and 21)" in text
    assert "l1 to nearest real training image by lpips" in text
    assert "{" not in re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)
