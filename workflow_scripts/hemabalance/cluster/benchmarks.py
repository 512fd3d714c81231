"""What Snakemake measured of jobs: the files under `results/<run>/benchmarks`."""

import ast
import csv
from dataclasses import dataclass
from pathlib import Path

from hemabalance.errors import InputError


@dataclass(frozen=True)
class MeasuredJob:
    """A job that was measured.

    Attributes:
        rule: its name.
        input_mb: size of all its input files, MiB.
        memory_mb: the most that it and its children held (resident set sizes, summed), MiB; None where it was over
            before anybody looked.
        seconds: how long it took.
        networks: whether it trains or runs networks, on the device that config names.
    """

    rule: str
    input_mb: float
    memory_mb: float | None
    seconds: float
    networks: bool


def measured_jobs(run: Path) -> list[MeasuredJob]:
    """All jobs of a run, in the order of their files.

    Args:
        run: folder `results/<run>`.

    Raises:
        InputError: nothing was measured there, or a file is not what Snakemake writes under `benchmark-extended`.
    """
    paths = sorted((run / "benchmarks").rglob("*.tsv"))
    if not paths:
        raise InputError(run, "has no measurements below benchmarks/", "Name the folder of a run, such as results/demo")
    return [job for path in paths for job in _jobs(path)]


def _jobs(path: Path) -> list[MeasuredJob]:
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return [_job(row) for row in rows]
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        problem = "does not say what the job's inputs were"
        raise InputError(path, problem, "Measure the run again under profiles/default (benchmark-extended)") from error


def _job(row: dict[str, str]) -> MeasuredJob:
    sizes: dict[str, float] = ast.literal_eval(row["input_size_mb"])
    memory = None if row["max_rss"] == "NA" else float(row["max_rss"])
    return MeasuredJob(row["rule_name"], sum(sizes.values()), memory, float(row["s"]), "'device'" in row["resources"])
