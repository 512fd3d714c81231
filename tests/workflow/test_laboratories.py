"""The real workflow on laboratories of any number, with classes of their own."""

import json
from typing import Any

import pandas as pd
import pytest
import yaml

from hemabalance.classes import UNLABELLED

CLASSES = ["blast", "lymphocyte", "neutrophil", "reactive_lymphocyte"]
FOLDERS = {"Blasts": "blast", "Lymphs": "lymphocyte", "Seg": "neutrophil", "RL": "reactive_lymphocyte"}
NORTH: dict[str, Any] = {"origin": "phantom", "classes": FOLDERS, "counts": {"Blasts": 6, "Lymphs": 14, "RL": 14}}
TABLE = {"table": "labels.csv", "label": "label", "group": "patient"}
SOUTH: dict[str, Any] = {"origin": "phantom", "labels": TABLE, "classes": {"lymph": "lymphocyte", "PMN": "neutrophil"}}
POOL: dict[str, Any] = {"origin": "phantom", "labels": "none"}
SMALL = {
    "run": "own",
    "protocols": ["leak_free"],
    "phantom": {"min_images": 12, "patients": 4},
    "stain": {"normalizers": {"wcyclegan_thesis": None}},
    "synthesis": {"roles": {"rare_below": 8, "rich_from": 9, "enough_from": 40}},
}
OVERLAYS = ("profiles/overlays/demo.yaml", "tiny.yaml", "own.yaml")


def write(project, sources: dict[str, Any], **values: Any) -> None:
    own = {**SMALL, "sources": sources, **values}
    (project.folder / "own.yaml").write_text(yaml.safe_dump(own), "utf-8")


def results_of(project, forked_python):
    done = project.snakemake(overlays=OVERLAYS, python=forked_python)
    assert done.returncode == 0, done.stdout
    return project.folder / "results" / "own"


@pytest.mark.parametrize("number", [1, 2, 5])
def test_any_number_of_laboratories_can_be_planned(project, number: int) -> None:
    write(project, {f"lab_{k}": NORTH for k in range(number)})
    jobs = project.jobs(overlays=OVERLAYS)
    assert len({wildcards for rule, wildcards in jobs if rule == "inventory"}) == number
    fits = {wildcards for rule, wildcards in jobs if rule == "stain_fit" and "normalizer=reinhard" in wildcards}
    assert len(fits) == number - 1
    assert sum(rule.startswith("stain_report") for rule, _ in jobs) == number - 1


def test_a_field_that_is_estimated_is_known_before_the_images_are_made(project, forked_python) -> None:
    sources = {"north": {**NORTH, "field": "auto"}, "south": {**SOUTH, "field": "auto"}, "pool": {**POOL, "field": 0.7}}
    write(project, sources, reference="pool")
    jobs = project.jobs(overlays=OVERLAYS)
    made = {rule: {names for other, names in jobs if other == rule} for rule in ("images", "fields", "scale")}
    north, south, pool = (f"source={name}" for name in ("north", "south", "pool"))
    assert made == {"images": {north, south, pool}, "fields": {""}, "scale": {north, south, pool}}
    target = "results/own/images/north.zip"
    done = project.snakemake(target, overlays=OVERLAYS, python=forked_python)
    assert done.returncode == 0, done.stdout
    results = project.folder / "results" / "own"
    fields = json.loads((results / "fields.json").read_text())["fields"]
    assert fields["pool"] == 0.7
    assert {path.name for path in (results / "scale").iterdir()} >= {"north.json", "outlines_north.webp"}
    # All phantoms are rendered at one scale.
    assert 0.6 < fields["north"] < 0.8
    provenance = json.loads(pd.read_parquet(results / "images" / "north.parquet")["provenance"].iloc[0])
    assert provenance["field"] == fields["north"]
    write(project, {name: {**source, "field": 1.0} for name, source in sources.items()}, reference="pool")
    assert {rule for rule, _ in project.jobs(target, overlays=OVERLAYS)} == {"images"}


def test_three_laboratories_of_which_one_has_no_labels(project, forked_python) -> None:
    write(project, {"north": NORTH, "south": SOUTH, "pool": POOL}, reference="pool")
    results = results_of(project, forked_python)
    split = pd.read_parquet(results / "leak_free" / "split.parquet")
    assert set(split.loc[split["source"] == "pool", "label"]) == {UNLABELLED}
    assert sorted(set(split["label"]) - {UNLABELLED}) == CLASSES
    # No patient of the laboratory that names them is on two sides.
    south = pd.read_parquet(results / "manifest" / "south.parquet").merge(split[["image_id", "part"]], on="image_id")
    assert south["declared_group"].nunique() == 4
    assert (south.groupby("declared_group")["part"].nunique() == 1).all()
    assert south["part"].nunique() > 1
    images = pd.read_parquet(results / "leak_free" / "stain" / "reinhard" / "images.parquet")
    assert set(images["source"]) == {"north", "south"}
    balanced = pd.read_parquet(results / "leak_free" / "balanced" / "balanced" / "images.parquet")
    assert UNLABELLED not in set(balanced["label"])
    metrics = json.loads((results / "leak_free/classifiers/balanced/seed-1/metrics.json").read_text())
    assert metrics["confusion"]["classes"] == CLASSES
    page = (results / "report.html").read_text("utf-8")
    assert "reported" not in page
    assert "thesis Table" not in page


def test_one_laboratory(project, forked_python) -> None:
    write(project, {"south": SOUTH, "north": None})
    results = results_of(project, forked_python)
    predictions = pd.read_parquet(results / "leak_free/classifiers/balanced/seed-1/predictions.parquet")
    assert [name for name in predictions if name.startswith("p_")] == ["p_lymphocyte", "p_neutrophil"]
    assert "there is no stain normalisation" in " ".join((results / "report.html").read_text("utf-8").split())
    assert not list((results / "tables").glob("stain_*"))
