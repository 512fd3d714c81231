"""The parts of RESULTS.md about experiments with an answer: scarce classes, and other laboratories."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hemabalance.cluster.benchmarks import MeasuredJob, measured_jobs
from hemabalance.errors import InputError
from hemabalance.report.across.page import QUESTION as ACROSS_QUESTION
from hemabalance.report.across.page import TITLES as ACROSS_TITLES
from hemabalance.report.results.effort import hours_by_stage, sizes, uses_cuda
from hemabalance.report.results.machine import commit, hardware
from hemabalance.report.results.markdown import markdown_table, plain_table
from hemabalance.report.results.run_tables import read_cells
from hemabalance.report.scarcity.page import QUESTION as SCARCITY_QUESTION
from hemabalance.report.scarcity.page import TITLES as SCARCITY_TITLES


@dataclass(frozen=True)
class _Experiment:
    """An experiment with an answer: its target and folder, the heading, the answer's lines and the tables."""

    target: str
    heading: str
    lines: tuple[str, ...]
    tables: tuple[str, ...]
    titles: Mapping[str, tuple[str, str]]


_EXPERIMENTS = {
    "scarcity": _Experiment(
        "scarcity", SCARCITY_QUESTION, ("note", "numbers"), ("differences", "scores", "gap"), SCARCITY_TITLES
    ),
    "across": _Experiment(
        "across", ACROSS_QUESTION, ("unseen", "note", "numbers"), ("scores", "differences", "classes"), ACROSS_TITLES
    ),
}
ANSWERS = tuple(_EXPERIMENTS)
"""The experiments that have an answer, which are targets of Snakemake."""


def answer_part(run: Path, experiment: str) -> str:
    """The answer, the tables, hours and sizes of a finished experiment, in Markdown.

    Args:
        run: folder `results/<run>`.
        experiment: one of `ANSWERS`.

    Raises:
        InputError: a file of the experiment is missing.
    """
    entry = _EXPERIMENTS[experiment]
    answer = json.loads(_existing(run, entry, "sentence.json").read_text("utf-8"))
    parts = [f"## {entry.heading}", f"**{answer['sentence']}**", *(answer[line] for line in entry.lines)]
    for name in entry.tables:
        title, note = entry.titles[name]
        parts += [f"#### {title}", note, markdown_table(read_cells(_existing(run, entry, f"{name}.csv")))]
    jobs = measured_jobs(run) if any((run / "benchmarks").rglob("*.tsv")) else []
    return "\n\n".join([*parts, *_effort(jobs)])


def _existing(run: Path, entry: _Experiment, name: str) -> Path:
    path = run / entry.target / "tables" / name
    if not path.is_file():
        raise InputError(path, "does not exist", f"Run `make {entry.target}` to the end, or choose its run with --run")
    return path


def _effort(jobs: Sequence[MeasuredJob]) -> list[str]:
    lines = f"- Code, when this part was written: commit {commit()}.\n- Hardware: {hardware(cuda=uses_cuda(jobs))}."
    if not jobs:
        return [lines]
    hours = plain_table(["stage", "jobs", "core hours", "hours of processor time"], hours_by_stage(jobs))
    return [lines, hours, plain_table(["trained or stored", "image size in pixels", "steps"], sizes(jobs))]
