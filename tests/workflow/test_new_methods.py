"""A method is one folder, which does not affect the results of other methods, and one entry of the config."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.project import OVERLAYS, Project

MORE = (*OVERLAYS, "more.yaml")
PACKAGE = Path("workflow_scripts", "hemabalance")
NEW = {"x": ("stain", "reinhard"), "y": ("synthesis", "cwgan_gp"), "z": ("classify", "sequential_cnn")}
"""New methods: name -> (stage, method whose code is copied)."""
ENTRIES = {
    "stain": {"normalizers": {"x": {}}},
    "synthesis": {"generators": {"y": {"width": 4, "critic_width": 4, "steps": 2, "batch": 4}}},
    "classify": {"experiments": {"z_original": {"recipe": "original", "model": "z", "shown": True}}},
}


@pytest.fixture
def edited(finished, tmp_path) -> Project:
    """A copy of the finished project that a test may change."""
    return finished.copy(tmp_path / "copy")


def add_methods(project: Project) -> None:
    for name, (stage, template) in NEW.items():
        methods = project.folder / PACKAGE / stage / "methods"
        shutil.copytree(methods / template, methods / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (methods / name).glob("*.py"):
            text = path.read_text("utf-8")
            text = text.replace(f"methods.{template} ", f"methods.{name} ").replace(f'"{template}"', f'"{name}"')
            path.write_text(text, "utf-8")


def test_a_new_method_changes_nothing_that_is_there(edited):
    add_methods(edited)
    assert edited.would_run() == set()


def test_an_entry_runs_a_new_method_and_what_lists_it(edited):
    add_methods(edited)
    (edited.folder / "more.yaml").write_text(yaml.safe_dump(ENTRIES))
    jobs = edited.jobs(overlays=MORE)
    of_new = re.compile(r"normalizer=x|generator=y|experiment=z_original")
    run = {rule for rule, wildcards in jobs if of_new.search(wildcards)}
    assert run == {
        "stain_fit", "stain_images", "stain_metrics",
        "synthesis_fit", "synthesis_images", "synthesis_metrics",
        "classify_fit", "classify_evaluate",
    }  # fmt: skip
    others = {rule for rule, wildcards in jobs if not of_new.search(wildcards)}
    assert others == {"stain_report_leak_free", "synthesis_report_leak_free", "classify_report", "report", "all"}


@pytest.mark.parametrize(
    ("stage", "method", "wildcard"),
    [
        ("stain", "reinhard", "normalizer=reinhard"),
        ("synthesis", "fewshot_meta", "generator=fewshot_meta"),
        ("classify", "senet154", "experiment="),
    ],
)
def test_an_edit_of_a_method_runs_it_and_what_follows(edited, stage, method, wildcard):
    path = edited.folder / PACKAGE / stage / "methods" / method / "method.py"
    path.write_text(path.read_text("utf-8") + "\nEDITED = True\n", "utf-8")
    jobs = edited.jobs()
    fitted = {wildcards for rule, wildcards in jobs if rule == f"{stage}_fit"}
    assert fitted
    assert all(wildcard in wildcards for wildcards in fitted)
    assert {rule.removesuffix("_leak_free") for rule, _ in jobs} >= {f"{stage}_report", "report"}
    upstream = {"stain": (), "synthesis": ("stain_fit",), "classify": ("stain_fit", "synthesis_fit", "balance")}
    assert {rule for rule, _ in jobs}.isdisjoint(upstream[stage])


def test_what_changes_no_result_may_be_edited(edited):
    package = edited.folder / PACKAGE
    for path in [package / "progress.py", package / "errors.py", *(package / "bookkeeping").glob("*.py")]:
        path.write_text(path.read_text("utf-8") + "\nEDITED = True\n", "utf-8")
    assert edited.would_run() == set()


def test_two_normalizers_of_one_method_are_independent(finished):
    results = finished.folder / "results" / "tiny"
    names = ["wcyclegan_gp", "wcyclegan_thesis"]
    measured = [json.loads((results / f"leak_free/stain/{name}/tcia/metrics.json").read_text()) for name in names]
    assert measured[0] != measured[1]
    weights = [(results / f"leak_free/stain/{name}/tcia/weights.safetensors").read_bytes() for name in names]
    assert weights[0] != weights[1]
    for table in ("fid", "ssim", "audit", "usefulness", "cost"):
        rows = pd.read_csv(results / "tables" / f"stain_{table}_leak_free.csv")["normaliser"].tolist()
        assert all(sum(name in str(row) for row in rows) for name in names), table
    html = (results / "report.html").read_text("utf-8")
    assert "wcyclegan_thesis" in html


def rules_of(project: Project, name: str, file: str = "weights.safetensors", **options) -> set[str]:
    return {rule for rule, _ in project.jobs(f"results/tiny/leak_free/stain/{name}/tcia/{file}", **options)}


def test_only_paired_methods_request_rendered_pairs(project):
    assert "pairs" not in rules_of(project, "reinhard")
    assert "pairs" not in rules_of(project, "wcyclegan_gp")
    assert "pairs" in rules_of(project, "pix2pix")
    # Normalisers of rendered cells are measured on pairs, those of real photographs are not.
    assert "pairs" in rules_of(project, "reinhard", "metrics.json")
    sources = {}
    for name in ("mendeley", "tcia"):
        (project.folder / f"{name}.zip").touch()
        sources[name] = {"origin": "local", "archive": f"{name}.zip"}
    (project.folder / "more.yaml").write_text(yaml.safe_dump({"sources": sources}))
    assert "pairs" not in rules_of(project, "reinhard", "metrics.json", overlays=MORE)
