"""Consistency of the project's own files."""

import ast
import os
import re
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = {"hemabalance", "pip", "setuptools"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> dict[str, str]:
    found = (line.strip().partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {normal(name): version for name, _, version in found}


LOCK = pins((ROOT / "requirements.lock").read_text().splitlines())


def test_everything_installed_is_pinned() -> None:
    installed = {normal(d.metadata["Name"]): d.version.partition("+")[0] for d in distributions()}
    cuda = {name for name in installed if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    unpinned = {name: version for name, version in installed.items() if name not in OURS | cuda}
    assert {name: LOCK.get(name) for name in unpinned} == unpinned


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_conda_environments_carry_the_locks_pins(name: str) -> None:
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    listed = pins(next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict)))
    assert listed
    assert {package: LOCK.get(package) for package in listed} == listed


def test_every_rule_has_its_shim_and_every_shim_its_rule() -> None:
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    used = set(re.findall(r'"\.\./workflow_scripts/(\w+/\w+\.py)"', text))
    assert used == {
        f"{path.parent.name}/{path.name}"
        for path in (ROOT / "workflow_scripts").glob("*/*.py")
        if path.parent.name != "hemabalance"
    }


def test_every_rule_carries_its_settings_and_code() -> None:
    for path in (ROOT / "rules").glob("*.smk"):
        scripts, text = path.read_text().count("script:"), path.read_text()
        assert text.count("settings=") >= scripts
        assert len(re.findall(r"\bcode=", text)) == scripts


def test_no_class_name_is_defined_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "workflow_scripts" / "hemabalance").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert len(places) > 200
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_ci_runs_the_tests() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text()
