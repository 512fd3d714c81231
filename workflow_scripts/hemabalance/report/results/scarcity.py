"""The part of RESULTS.md about the scarcity experiment."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hemabalance.cluster.benchmarks import MeasuredJob, measured_jobs
from hemabalance.errors import InputError
from hemabalance.report.results.effort import hours_by_stage, sizes, uses_cuda
from hemabalance.report.results.machine import commit, hardware
from hemabalance.report.results.markdown import markdown_table, plain_table
from hemabalance.report.results.run_tables import read_cells
from hemabalance.report.scarcity.page import TITLES

_FOLDER = Path("scarcity", "tables")
_TABLES = ("differences", "scores", "gap")


def scarcity_part(run: Path) -> str:
    """The answer, the tables, hours and sizes of a finished `snakemake scarcity`, in Markdown.

    Args:
        run: folder `results/<run>`.

    Raises:
        InputError: a file of the experiment is missing.
    """
    answer = json.loads(_existing(run, "sentence.json").read_text("utf-8"))
    parts = [
        "## Do synthetic images help classes that have few images?",
        f"**{answer['sentence']}**",
        answer["note"],
        answer["numbers"],
    ]
    for name in _TABLES:
        title, note = TITLES[name]
        parts += [f"#### {title}", note, markdown_table(_table(run, name))]
    jobs = measured_jobs(run) if any((run / "benchmarks").rglob("*.tsv")) else []
    return "\n\n".join([*parts, *_effort(jobs)])


def _table(run: Path, name: str) -> pd.DataFrame:
    return read_cells(_existing(run, f"{name}.csv"))


def _existing(run: Path, name: str) -> Path:
    path = run / _FOLDER / name
    if not path.is_file():
        raise InputError(path, "does not exist", "Run `make scarcity` to the end, or choose its run with --run")
    return path


def _effort(jobs: Sequence[MeasuredJob]) -> list[str]:
    lines = f"- Code, when this part was written: commit {commit()}.\n- Hardware: {hardware(cuda=uses_cuda(jobs))}."
    if not jobs:
        return [lines]
    hours = plain_table(["stage", "jobs", "core hours", "hours of processor time"], hours_by_stage(jobs))
    return [lines, hours, plain_table(["trained or stored", "image size in pixels", "steps"], sizes(jobs))]
