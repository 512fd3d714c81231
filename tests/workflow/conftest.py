"""Projects that run the real workflow on a very small phantom."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers import forked_python as forked_python_module
from helpers.project import Project, existing_project

__all__ = ["Project", "existing_project"]


@pytest.fixture(scope="session")
def forked_python(tmp_path_factory):
    """A command that runs scripts like this Python, faster: see `helpers.forked_python`."""
    path = tmp_path_factory.mktemp("python") / "socket"
    program = Path(forked_python_module.__file__)
    server = subprocess.Popen([sys.executable, str(program), "serve", str(path)])
    try:
        while not path.exists():
            assert server.poll() is None
            time.sleep(0.1)
        yield f"{sys.executable} -IS {program} {path}"
    finally:
        server.kill()


@pytest.fixture(scope="session")
def finished(tmp_path_factory, forked_python) -> Project:
    """A project with a complete run, shared by all workers; tests must not change it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with (folder.parent / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            folder.mkdir()
            process = Project(folder).snakemake(python=forked_python)
            assert process.returncode == 0, process.stdout
            (folder / "complete").touch()
    Project.weights = folder / "data" / "weights"
    return existing_project(folder)


@pytest.fixture
def project(tmp_path) -> Project:
    """A project without results."""
    return Project(tmp_path)
