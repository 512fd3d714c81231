"""A copy of the project in which the real workflow runs on a very small phantom."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "rules", "envs", "profiles", "workflow_scripts", "config.yaml", "data")
TINY = {"run": "tiny", "phantom": {"fraction": 0.001, "min_images": 2, "size": 64}, "images": {"size": 32}}


class Project:
    """A checkout in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("raw", "__pycache__"))
            else:
                shutil.copy(source, folder / part)
        (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))

    def snakemake(self, *arguments: str, overlays: tuple[str, ...] = ("profiles/overlays/demo.yaml", "tiny.yaml")):
        """Run snakemake there; the caller looks at `returncode` and at `stdout`, which holds stderr too."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--configfile", "config.yaml", *overlays],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def would_run(self, *arguments: str, **options) -> set[str]:
        """The rules that a dry run would execute."""
        done = self.snakemake("--dry-run", *arguments, "--quiet", "reason", **options)
        assert done.returncode == 0, done.stdout
        return {
            line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith(("rule ", "localrule "))
        }


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose run is complete; tests leave it as they found it."""
    project = Project(tmp_path_factory.mktemp("finished"))
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def project(tmp_path) -> Project:
    """A project in which nothing has run."""
    return Project(tmp_path)
