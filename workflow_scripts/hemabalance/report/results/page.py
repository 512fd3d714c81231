"""The generated part of RESULTS.md."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hemabalance.cluster.benchmarks import MeasuredJob, measured_jobs
from hemabalance.report.reported import THESIS
from hemabalance.report.results.best_generator import best_generators
from hemabalance.report.results.classes import classes_table
from hemabalance.report.results.context import context
from hemabalance.report.results.effort import NO_BENCHMARKS, hours_by_stage, sizes, uses_cuda
from hemabalance.report.results.headline_pair import headline_pair
from hemabalance.report.results.machine import commit, hardware, versions
from hemabalance.report.results.markdown import markdown_table, plain_table
from hemabalance.report.results.run_tables import RunTables, page_of, paths_of, read_run_tables, shown_tables
from hemabalance.report.results.verdicts import VERDICTS, check, claim_text
from hemabalance.report.titles import place_of

_RENDERED = (
    "**The cells of this run are rendered, not photographed: its figures show that the workflow works, and say nothing "
    "about blood.**"
)
_HOW_JUDGED = (
    "A claim is decided only if the 95 % intervals of the compared values do not overlap or, for values on the same "
    "test images, if the 95 % interval of their difference excludes 0; otherwise it is inconclusive. The FID of stain "
    "normalisation has no interval: a claim about it must also hold for KID, with an interval of two standard "
    "deviations to each side. Training times within 5 % of each other count as equal. Each claim is tested alone, "
    "without a correction for the number of claims. “Measured” is this run, at its sizes and steps."
)
_HOURS_NOTE = (
    "Core hours are seconds times threads. A job that resumed counts from where it resumed, and a job that took its "
    "result from DVC only what this took."
)


def results_page(run: Path) -> str:
    """The generated part of the page, in Markdown.

    Args:
        run: folder `results/<run>` of a finished `snakemake experiments`.

    Raises:
        InputError: the run is missing or unfinished.
    """
    tables = read_run_tables(run)
    jobs = measured_jobs(run) if any((run / "benchmarks").rglob("*.tsv")) else []
    has_thesis = "reported_accuracy" in tables.table("classify_models")
    parts = ["## All experiments", *_head(tables, jobs), "### Balanced and original set", *headline_pair(tables)]
    if has_thesis:
        parts += ["### Where the thesis holds and where not", *_claims(tables)]
    parts += ["### Best generators", *best_generators(tables), *_tables(tables, THESIS if has_thesis else "")]
    return "\n\n".join(parts)


def _head(tables: RunTables, jobs: Sequence[MeasuredJob]) -> list[str]:
    lines = [
        f"- Run: `{tables.run.resolve().name}`, all entries of its config (`snakemake experiments`).",
        f"- Code, when this page was written: commit {commit()}.",
        f"- Hardware: {hardware(cuda=uses_cuda(jobs))}.",
        f"- Versions: {versions()}.",
    ]
    parts = [*([_RENDERED] if any(job.kind == "phantom" for job in jobs) else []), "\n".join(lines)]
    if not jobs:
        return [*parts, f"Hours and sizes: {NO_BENCHMARKS}."]
    hours = plain_table(["stage", "jobs", "core hours", "hours of processor time"], hours_by_stage(jobs))
    steps = plain_table(["trained or stored", "image size in pixels", "steps"], sizes(jobs))
    return [*parts, "#### Hours", hours, _HOURS_NOTE, "#### Sizes and steps", steps]


def _claims(tables: RunTables) -> Iterator[str]:
    yield _HOW_JUDGED
    checked = [(section, entry, check(entry, tables)) for section in claims() for entry in section["claims"]]
    counts = (
        f"{sum(finding.verdict == name for _, _, finding in checked)} {plural}" for name, plural in VERDICTS.items()
    )
    yield f"Of {len(checked)} claims: {', '.join(counts)}."
    for section in claims():
        yield f"#### {section['section']}"
        yield "\n".join(
            f"- **{finding.verdict[0].upper()}{finding.verdict[1:]}.** Thesis: {claim_text(entry)} "
            f"Measured: {_sentence(finding.measured)}"
            for part, entry, finding in checked
            if part is section
        )
    yield "#### What limits the comparison"
    yield "\n".join(f"- {sentence}" for sentence in context(tables))


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _tables(tables: RunTables, preset: str) -> Iterator[str]:
    noted: set[str] = set()
    for group in shown_tables():
        yield f"### {group['heading']}"
        for entry in group["tables"]:
            for path in _files_of(entry["file"], tables):
                place = place_of(Path(path).name, preset)
                yield f"#### {place.title}"
                if entry["file"] not in noted:
                    yield place.note
                noted.add(entry["file"])
                yield _table(entry, path, tables)


def _files_of(pattern: str, tables: RunTables) -> list[str]:
    """Paths of the run's tables of one entry, in the order of the protocols."""
    sources = list(tables.table("statuses")["source"])
    stems = [Path(path).stem for path, _ in paths_of(pattern, page_of(tables.run), sources)]
    return [
        path
        for stem in stems
        for path in tables.files
        if Path(path).stem == stem or Path(path).stem.startswith(f"{stem}_of_")
    ]


def _table(entry: dict[str, Any], path: str, tables: RunTables) -> str:
    if entry.get("as") == "classes":
        return classes_table(tables)
    table = tables.files[path]
    for column, values in entry.get("only", {}).items():
        table = table[table[column].isin(values)]
    columns = {name: heading for name, heading in entry.get("columns", {}).items() if name in table}
    return markdown_table(table, columns or None)


@cache
def claims() -> Sequence[dict[str, Any]]:
    """Sections of claims, as described at the head of `claims.yaml`."""
    loaded: Sequence[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("claims.yaml").read_text("utf-8"))
    return loaded
