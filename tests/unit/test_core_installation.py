"""The core installation: prediction and the Python interface work without the packages of the workflow."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from helpers.archives import write_folder
from helpers.model_folders import ModelFolder
from hemabalance.bookkeeping.workflow_packages import WORKFLOW_MODULES, as_input_error
from hemabalance.cli import main
from hemabalance.commands import config

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
BLOCKED = f"import sys\nsys.modules.update(dict.fromkeys({(*WORKFLOW_MODULES, 'lightning')!r}))\n"
"""The import of these modules fails as if they were not installed."""

USE = """
from pathlib import Path
from hemabalance import Classifier, Normalizer, find_copies
from hemabalance.cli import main

model, images = sys.argv[1:]
pixels = Normalizer.fit("reinhard", reference=images).transform(images)
print(len(Classifier.load(model).predict(pixels)), len(find_copies(images).columns) > 0)
raise SystemExit(main(["predict", model, images, "--threads", "1"]))
"""


def installs(name: str) -> set[str]:
    """The names of an extra's packages, and of those of the extras in it."""
    found: set[str] = set()
    for entry in EXTRAS[name]:
        inner = re.fullmatch(r"hemabalance\[(.+)\]", entry)
        found |= (
            set.union(*(installs(extra) for extra in inner[1].split(","))) if inner else {re.split("[=<>]", entry)[0]}
        )
    return found


def test_the_modules_of_the_workflow_are_those_of_the_extra() -> None:
    assert {name.replace("-", "_") for name in installs("workflow")} == set(WORKFLOW_MODULES)


def test_development_and_clusters_install_the_workflow_too() -> None:
    assert installs("workflow") <= installs("cluster")
    assert installs("workflow") <= installs("dev")


def test_models_are_used_without_the_packages_of_the_workflow(network: ModelFolder, tmp_path: Path) -> None:
    images = write_folder(tmp_path / "images", network.photographs_of("tcia"))
    line = [sys.executable, "-c", BLOCKED + USE, str(network.folder), str(images)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{len(network.photographs_of('tcia'))} True\n")


@pytest.mark.parametrize(
    ("command", "module"),
    [("publish", "dvc"), ("publish", "snakemake"), ("status", "snakemake"), ("check-gpu", "lightning_fabric")],
)
def test_a_command_of_the_workflow_says_how_to_install_it(
    command: str,
    module: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    assert main([command]) == 1
    assert capsys.readouterr().err == (
        f"Python package {module}: is not installed; this command belongs to the workflow, not to the core "
        "installation. Run pip install 'hemabalance[workflow]'.\n"
    )


def test_an_import_that_fails_within_a_command_is_the_same_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        import lightning_fabric.plugins  # noqa: F401

        return 0

    monkeypatch.setattr(config, "run", run)
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    assert main(["config"]) == 1
    assert "Python package lightning_fabric: is not installed" in capsys.readouterr().err


def test_a_module_that_is_missing_for_another_reason_is_no_error_of_the_user() -> None:
    assert as_input_error(ModuleNotFoundError("no module", name="hemabalance.nothing")) is None
    assert as_input_error(ModuleNotFoundError("no module")) is None
