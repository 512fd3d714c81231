"""Consistency of the project's own files."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml

from hemabalance.api import PUBLIC
from hemabalance.config.paths import expand_path

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("sources", "stain", "synthesis", "balance", "classify", "metrics", "report", "bookkeeping")
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


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_conda_environments_have_all_that_the_package_needs(name: str) -> None:
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    listed = pins(next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["workflow"]]
    # Snakemake itself is not in the environment of a job.
    assert {normal(re.split("[=<>]", entry)[0]) for entry in needed} - {"snakemake"} == set(listed)


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_conda_environments_take_the_pythons_of_the_package(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())
    assert f"python{project['requires-python']}" in environment["dependencies"]


# Pretends to be another Python: it installs nothing, and the environment that it creates is a copy of itself.
PYTHON = """#!/bin/sh
case "$1 $2" in
    "-m venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-m pip") echo "$0 $3" >> asked ;;
    *) exec {real} -c "import sys; sys.executable = '{name}'; {version}; $2" $3 ;;
esac
"""
TOO_OLD, TOO_NEW = "sys.version_info = (3, 10, 12)", "sys.version_info = (3, 14, 0)"
FITTING = "sys.version_info = (3, 12, 3); sys.modules['ensurepip'] = sys"
BARE = "sys.version_info = (3, 12, 3); sys.modules['ensurepip'] = None"


class Pythons:
    """An empty project in which `make setup` finds fake Python programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        for name in ("requirements.lock", "pyproject.toml"):
            (folder / name).touch()

    def add(self, name: str, version: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PYTHON.format(real=sys.executable, name=name, version=version))
        path.chmod(0o755)
        return str(path)

    def set_up(self, *pythons: str) -> "subprocess.CompletedProcess[str]":
        command = ["make", "--no-print-directory", "setup", f"PYTHON={' '.join(pythons)}"]
        # The tests themselves may run under make, whose flags would otherwise be inherited.
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def pythons(tmp_path: Path) -> Pythons:
    return Pythons(tmp_path)


def test_setup_says_what_each_python_lacks_and_what_to_install(pythons: Pythons) -> None:
    paths = [pythons.add(name, version) for name, version in (("old", TOO_OLD), ("new", TOO_NEW), ("bare", BARE))]
    run = pythons.set_up("/no/such/python", *paths)
    assert run.returncode == 2
    assert run.stderr.splitlines()[:3] == [
        "Python 3.10.12 (old) is not 3.11, 3.12 or 3.13",
        "Python 3.14.0 (new) is not 3.11, 3.12 or 3.13",
        "Python 3.12.3 (bare) lacks the module venv (package python3-venv)",
    ]
    for system in ("Debian 12 and 13, Ubuntu 24.04", "Fedora", "macOS", "elsewhere"):
        assert re.search(rf"^  {system}:  [a-z-]+ .*install ", run.stderr, re.MULTILINE)
    assert not (pythons.folder / ".venv").exists()


def test_setup_takes_the_first_python_that_fits(pythons: Pythons) -> None:
    run = pythons.set_up(pythons.add("old", TOO_OLD), pythons.add("fits", FITTING), pythons.add("later", FITTING))
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Python 3.12.3 (fits)\n")
    assert (pythons.folder / ".venv" / "bin" / "python").read_text() == (pythons.folder / "fits").read_text()
    assert (pythons.folder / "asked").read_text() == ".venv/bin/python install\n" * 2


def test_setup_keeps_an_environment_that_works(pythons: Pythons) -> None:
    environment = pythons.add(".venv/bin/python", BARE)
    fits = pythons.add("fits", FITTING)
    assert pythons.set_up(fits).stdout.startswith("Python 3.12.3 (.venv/bin/python)\n")
    pythons.add(".venv/bin/python", TOO_OLD)
    (pythons.folder / ".venv" / "ready").unlink()
    assert pythons.set_up(fits).stdout.startswith("Python 3.12.3 (fits)\n")
    assert Path(environment).read_text() == Path(fits).read_text()


@pytest.mark.parametrize("name", ["a b", "a'b", 'a"b', "a$b", "a`b", "a&b", "a\\b", "a{2}", "a(b", "a;b"])
def test_setup_refuses_a_folder_in_which_snakemake_could_not_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    pythons = Pythons(tmp_path / name)
    run = pythons.set_up(pythons.add("fits", FITTING))
    assert run.returncode == 2
    assert run.stderr.startswith(f"{tmp_path / name}: Snakemake cannot run an environment in a folder whose path has")
    assert "Move the project" in run.stderr
    assert not (pythons.folder / ".venv").exists()


@pytest.mark.parametrize("name", ["müller", "a~b", "a#b", "a[b", "a%b,c"])
def test_setup_accepts_other_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    pythons = Pythons(tmp_path / name)
    assert pythons.set_up(pythons.add("fits", FITTING)).returncode == 0


@pytest.mark.parametrize(
    ("data", "archive"),
    [
        ("data/raw", "data/raw"),
        ("~/slides", "{home}/slides"),
        ("$HOME/my slides", "{home}/my slides"),
        ("/o'brien", "/o'brien"),
        ('/a"b\\c, {2}; d', '/a"b\\c, {2}; d'),
    ],
)
def test_make_passes_data_on_as_it_was_typed(tmp_path: Path, data: str, archive: str) -> None:
    """The real command line of `make sample`, with a program that records its arguments in place of Snakemake."""
    Pythons(tmp_path)
    recorder = tmp_path / ".venv" / "bin" / "snakemake"
    recorder.parent.mkdir(parents=True)
    recorder.write_text('#!/bin/sh\nfor last; do :; done\nprintf %s "$last" > given\n')
    recorder.chmod(0o755)
    (tmp_path / ".venv" / "ready").touch()
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    subprocess.run(["make", "sample", f"DATA={data}"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    key, _, value = (tmp_path / "given").read_text().partition("=")
    expected = archive.replace("{home}", os.path.expanduser("~"))
    assert key == "sources"
    assert {name: expand_path(entry["archive"]) for name, entry in yaml.safe_load(value).items()} == {
        "mendeley": f"{expected}/PBC_dataset_normal_DIB.zip",
        "tcia": f"{expected}/AML-Cytomorphology_LMU.zip",
    }


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


@pytest.mark.parametrize("folder", STAGES)
def test_every_stage_has_a_readme_of_ten_to_forty_lines(folder: str) -> None:
    lines = (ROOT / "workflow_scripts" / "hemabalance" / folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert 10 <= len(lines) <= 40
    assert not [line for line in lines if line.startswith(("<<<<<<<", ">>>>>>>"))]
    assert f"(workflow_scripts/hemabalance/{folder}/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_class_name_is_defined_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "workflow_scripts" / "hemabalance").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert len(places) > 200
    # The names for users are plain words, also where a stage has an interface of that name.
    for name in PUBLIC:
        places[name] = [file for file in places.get(name, []) if "/api/" not in file]
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_ci_runs_the_tests() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text()
