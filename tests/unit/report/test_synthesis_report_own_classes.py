"""The report of generators on classes that the thesis does not have, some generators without a class."""

from pathlib import Path

import pandas as pd
import pytest

from helpers.own_laboratory import CLASSES, Laboratory, build_laboratory, config_of, run_generator
from hemabalance.config.roles import RolesConfig
from hemabalance.report.cells import write_csv
from hemabalance.report.synthesis.generator_results import NO_CLASS, GeneratorResult, read_generator_results
from hemabalance.report.synthesis.tables import synthesis_tables
from hemabalance.report.synthesis.write import GeneratorFiles, write_synthesis_report

METHODS = {"mine": ("cwgan_gp", "rich"), "few": ("figr", "rare")}
PICTURES = ("sheet", "strips", "agreement", "pairs")
TABLES = ("precision", "fid", "pixels", "classes", "gate", "memory", "trust", "cost")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    counts = dict.fromkeys(CLASSES, 16)
    return build_laboratory(tmp_path_factory.mktemp("laboratory"), counts)


@pytest.fixture(scope="module", params=[True, False], ids=["one without a class", "all without a class"])
def folders(request: pytest.FixtureRequest, laboratory: Laboratory) -> dict[str, Path]:
    """Generators of a run whose classes are all rare, and of one whose classes all have enough images."""
    roles = RolesConfig() if request.param else RolesConfig(rare_below=1, enough_from=1)
    entries = {name: config_of(method, serves) for name, (method, serves) in METHODS.items()}  # type: ignore[arg-type]
    return {name: run_generator(laboratory, f"{name}_{request.param}", entry, roles) for name, entry in entries.items()}


def results_of(folders: dict[str, Path]) -> list[GeneratorResult]:
    described = [
        {"name": name, "method": method, "serves": serves, "normalizer": "none"}
        for name, (method, serves) in METHODS.items()
    ]
    files = [[folder / name for folder in folders.values()] for name in ("metrics.json", "training.json", "gate.json")]
    return read_generator_results(described, *files)


def test_everything_is_written(laboratory: Laboratory, folders: dict[str, Path], tmp_path: Path) -> None:
    results = results_of(folders)
    files = [
        GeneratorFiles(
            images=folder / "images.zip", index=folder / "images.parquet", gate=folder / "gate.parquet",
            neighbours=folder / "neighbours.parquet", snapshots=folder / "snapshots.zip",
            snapshot_index=folder / "snapshots.parquet", history=folder / "history.jsonl",
        )
        for folder in folders.values()
    ]  # fmt: skip
    out = {f"table_{name}": tmp_path / f"{name}.csv" for name in TABLES}
    out |= {name: tmp_path / f"{name}.svg" for name in ("gate", "losses")}
    out |= {f"{kind}_{name}": tmp_path / f"{kind}_{name}.svg" for kind in PICTURES for name in METHODS}
    write_synthesis_report(
        generators=list(zip(results, files, strict=True)), real_images=laboratory.source.images,
        split=laboratory.source.split, protocol="leak_free", preset="none", out=out, threads=1,
    )  # fmt: skip
    assert all(path.stat().st_size for path in out.values())
    assert NO_CLASS in (tmp_path / "sheet_mine.svg").read_text()
    shown = (tmp_path / "sheet_few.svg").read_text()
    assert all(label.replace("_", " ") in shown for label in results[1].classes)
    cost = pd.read_csv(tmp_path / "cost.csv", keep_default_na=False)
    assert cost["generator"].tolist() == ["mine", "few"]
    assert cost["measured_steps_or_episodes"].tolist()[0] == 0


def test_without_the_preset_no_value_of_the_thesis_is_shown(folders: dict[str, Path], tmp_path: Path) -> None:
    results = results_of(folders)
    of_thesis = synthesis_tables(results, "thesis")
    for name, table in synthesis_tables(results, "none").items():
        assert not [column for column in table if "reported" in column]
        assert {"mine", "few"} >= {each for names in table.get("generator", []) for each in names.split(", ")}
        measured = of_thesis[name]
        if name in ("precision", "fid", "pixels"):
            assert (measured["images"].str.startswith("reported only")).any()
            measured = measured[~measured["images"].str.startswith("reported only")]
        elif name == "cost":
            measured = measured[measured["normaliser"] == "none"]
        shared = [column for column in measured if "reported" not in column]
        pd.testing.assert_frame_equal(table.astype(str), measured[shared].reset_index(drop=True).astype(str))
        write_csv(table, tmp_path / f"{name}.csv")
        assert "nan" not in (tmp_path / f"{name}.csv").read_text()


def test_missing_values_of_a_generator_without_a_class_have_a_reason(folders: dict[str, Path]) -> None:
    tables = synthesis_tables(results_of(folders), "none")
    for name in ("precision", "fid", "pixels"):
        (row,) = tables[name].query("generator == 'mine' and images == 'generated'").to_dict("records")
        assert "there are no generated images" in row["reason"]
