"""Snakemake in processes that are forked from one with its modules, whose import takes most of a dry run."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

# Not hemabalance: each project has its own copy.
MODULES = ["snakemake.cli", "snakemake.api", "snakemake.executors.local", "pandas", "pydantic", "yaml"]

_forkserver = get_context("forkserver")
_forkserver.set_forkserver_preload(MODULES)


def run_snakemake(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], python: str = sys.executable
) -> "subprocess.CompletedProcess[str]":
    """Run snakemake with these arguments in a folder; `stdout` includes stderr; `python` runs the scripts."""
    with tempfile.NamedTemporaryFile() as output:
        process = _forkserver.Process(
            target=_run, args=(list(arguments), str(folder), dict(environment), output.name, python)
        )
        process.start()
        process.join()
        text = Path(output.name).read_text("utf-8")
    assert process.exitcode is not None
    return subprocess.CompletedProcess(list(arguments), process.exitcode, text)


def _run(arguments: list[str], folder: str, environment: dict[str, str], output: str, python: str) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    handle = os.open(output, os.O_WRONLY)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.argv, sys.executable = ["snakemake", *arguments], python
    from snakemake.cli import main

    main(arguments)
