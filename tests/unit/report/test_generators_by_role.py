"""A generator of all classes, measured and listed over the classes of each role like a generator of that role."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.own_laboratory import (
    CLASSES,
    EVALUATION,
    Laboratory,
    build_laboratory,
    config_of,
    open_set,
    read_json,
    run_generator,
)
from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.report.cells import write_csv
from hemabalance.report.results.best_generator import best_generators
from hemabalance.report.results.run_tables import RunTables
from hemabalance.report.synthesis.generator_results import GeneratorResult
from hemabalance.report.synthesis.tables import synthesis_tables
from hemabalance.synthesis.measure import GeneratorOutput, RunClasses, measure_generator

MANY, FEW = 80, 44
MEMBERS = {"rich": ("blast", "mott_cell"), "rare": ("hairy_cell", "sezary_cell")}
ROLES, ALL_RICH = RolesConfig(rare_below=50, rich_from=50), RolesConfig(rare_below=1, rich_from=1)


@dataclass(frozen=True)
class OutputOfClasses(GeneratorOutput):
    """The images of some of the classes, as a generator of these classes alone would leave them."""

    labels: tuple[str, ...]

    def first(self, max_images: int, *, threads: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        rows, pixels, features = super().first(max_images, threads=threads)
        where = rows["label"].isin(self.labels).to_numpy()
        return rows[where].reset_index(drop=True), pixels[where], features[where]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    counts = {label: MANY if label in MEMBERS["rich"] else FEW for label in CLASSES}
    return build_laboratory(tmp_path_factory.mktemp("laboratory"), counts)


@pytest.fixture(scope="module")
def folder(laboratory: Laboratory) -> Path:
    return run_generator(laboratory, "every", config_of("figr", "all"), ROLES)


def measured(laboratory: Laboratory, folder: Path, labels: tuple[str, ...], serves: Serves, roles: RolesConfig) -> Any:
    """Metrics of the images of some classes."""
    with open_set(folder, "images") as images, open_set(folder, "snapshots") as snapshots:
        metrics = measure_generator(
            OutputOfClasses(images, folder / "features.safetensors", snapshots, labels), laboratory.source,
            laboratory.real, laboratory.judges, EVALUATION, run_classes=RunClasses(CLASSES, serves, roles),
            copy_quantile=0.01, seed=1,
        ).metrics  # fmt: skip
    return json.loads(json.dumps(metrics, allow_nan=False))


def result(folder: Path, name: str, serves: str, metrics: Any, labels: tuple[str, ...] = CLASSES) -> GeneratorResult:
    """The results of a generator by a method of the thesis that generates these classes."""
    training, gate = read_json(folder / "training.json"), read_json(folder / "gate.json")
    training["classes"]["served"] = list(labels)
    gate["classes"] = {label: gate["classes"][label] for label in labels}
    method = "fewshot_meta" if serves == "rare" else "c_wgan_gp"
    return GeneratorResult(name, method, serves, "none", metrics, training, gate)


@pytest.fixture(scope="module")
def generators(laboratory: Laboratory, folder: Path) -> list[GeneratorResult]:
    """A generator of all classes, and one for each role with the same images of its classes."""
    alone = [
        result(folder, f"only_{role}", role, measured(laboratory, folder, labels, role, ROLES), labels)  # type: ignore[arg-type]
        for role, labels in MEMBERS.items()
    ]
    return [result(folder, "every", "all", read_json(folder / "metrics.json")), *alone]


def test_each_role_has_the_rows_of_a_generator_of_that_role(generators: list[GeneratorResult]) -> None:
    every, *alone = generators
    for (role, labels), single in zip(MEMBERS.items(), alone, strict=True):
        of_role = every.metrics["roles"][role]
        assert of_role["classes"] == list(labels)
        assert of_role["against"] == single.metrics["against"] == "test"
        for table in ("fidelity", "manifold", "diversity", "nearest", "agreement", "memorisation"):
            expected = [row for row in single.metrics[table] if row["label"] == "all"]
            assert len(expected) == 2
            assert of_role[table] == expected
        assert "roles" not in single.metrics


def test_without_a_rare_class_there_is_no_rare_row(laboratory: Laboratory, folder: Path) -> None:
    metrics = measured(laboratory, folder, CLASSES, "all", ALL_RICH)
    assert list(metrics["roles"]) == ["rich"]
    for name, table in synthesis_tables([result(folder, "every", "all", metrics)], "none").items():
        if name != "trust":
            assert set(table["classes"]) == ({"all"} if name == "classes" else {"rich", "all"})


def test_tables_list_it_beside_the_generators_of_each_role(generators: list[GeneratorResult]) -> None:
    tables = synthesis_tables(generators, "none")
    for name in ("precision", "fid", "pixels", "gate", "memory", "cost"):
        table = tables[name]
        if name in ("gate", "memory"):
            table = table[table["class"] == "all"]
            whole = tables[name][(tables[name]["generator"] == "every") & (tables[name]["class"] != "all")]
            assert set(whole["classes"]) == {"all"}
        for role in MEMBERS:
            rows = table[table["classes"] == role]
            mine, other = (
                rows[rows["generator"] == each].drop(columns="generator").reset_index(drop=True)
                for each in ("every", f"only_{role}")
            )
            assert len(mine)
            pd.testing.assert_frame_equal(mine, other)
            if name in ("precision", "fid", "pixels"):
                floors = rows[rows["images"].str.startswith("floor")]
                assert floors["generator"].tolist() == [f"every, only_{role}"]
    for name in ("classes", "trust"):
        mine = tables[name][tables[name]["generator"] == "every"]
        assert not mine.duplicated(["class", *(["images"] if name == "classes" else [])]).any()


def test_reported_values_stay_with_the_methods_of_the_thesis(generators: list[GeneratorResult]) -> None:
    for name in ("precision", "fid", "pixels", "cost"):
        table = synthesis_tables(generators, "thesis")[name]
        assert (table[table["generator"] == "every"].filter(like="reported_") == "not reported").all().all()
        # `only_rich` is the thesis's C-WGAN-GP; a generator of all classes by the same method is not.
        for shown, expected in ((generators, 0), (generators[:1], 1)):
            table = synthesis_tables(shown, "thesis")[name]
            assert ((table["generator"] == "c_wgan_gp") & (table["classes"] == "rich")).sum() == expected


def test_the_best_generator_of_a_role_may_serve_all_classes(
    generators: list[GeneratorResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = json.loads(json.dumps(generators[0].metrics))
    for row in metrics["roles"]["rich"]["fidelity"]:
        if row["compare"] == "generated":
            row |= {"fid": row["fid"] / 2, "fid_low": row["fid_low"] / 2, "fid_high": row["fid_high"] / 2}
    training = {**generators[0].training, "seconds": 1000.0}
    shown = [replace(generators[0], metrics=metrics, training=training), *generators[1:]]
    files = {}
    for name, table in synthesis_tables(shown, "none").items():
        path = tmp_path / f"synthesis_{name}_leak_free.csv"
        write_csv(table, path)
        files[f"tables/{path.name}"] = pd.read_csv(path, dtype="str", keep_default_na=False)
    rich, rare = best_generators(RunTables(tmp_path, files))
    assert "`every` has the lowest FID of 2" in rich
    assert "next by FID is `only_rich`" in rich
    assert "floor of real images: FID" in rich
    counts = [generators[0].gate["classes"][label] for label in MEMBERS["rich"]]
    drawn, accepted = (sum(count[key] for count in counts) for key in ("drawn", "accepted"))
    assert f"of `every`, {accepted} of {drawn} draws pass the gate and " in rich
    assert rich.endswith("`every` learned all classes in its time.")
    assert "has the lowest FID of 2" in rare
