"""Projects in which the real workflow runs on a very small phantom."""

import fcntl
import os

import pytest

from helpers.project import Project, existing_project

__all__ = ["Project", "existing_project"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose run is complete, one for all workers; tests leave it as they found it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with (folder.parent / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            folder.mkdir()
            done = Project(folder).snakemake()
            assert done.returncode == 0, done.stdout
            (folder / "complete").touch()
    Project.weights = folder / "data" / "weights"
    return existing_project(folder)


@pytest.fixture
def project(tmp_path) -> Project:
    """A project in which nothing has run."""
    return Project(tmp_path)
