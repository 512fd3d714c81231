"""Read Snakemake's benchmarks of jobs, the files under `results/<run>/benchmarks`."""

import ast
import csv
from dataclasses import dataclass
from pathlib import Path

from hemabalance.errors import InputError


@dataclass(frozen=True)
class MeasuredJob:
    """One measured job.

    Attributes:
        rule: its name.
        input_mb: size of all its input files, MiB.
        memory_mb: largest memory of the job and its child processes (sum of resident set sizes), MiB; None if the job
            ended before the first measurement.
        seconds: run time.
        networks: whether the job trains or runs networks, on the device of the config.
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
        InputError: there are no benchmarks, or one was not written with Snakemake's option `benchmark-extended`.
    """
    paths = sorted((run / "benchmarks").rglob("*.tsv"))
    if not paths:
        raise InputError(run, "has no files in benchmarks/", "Choose the folder of a run, such as results/demo")
    return [job for path in paths for job in _jobs(path)]


def _jobs(path: Path) -> list[MeasuredJob]:
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return [_job(row) for row in rows]
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        problem = "does not contain the sizes of the job's inputs"
        raise InputError(path, problem, "Measure the run again under profiles/default (benchmark-extended)") from error


def _job(row: dict[str, str]) -> MeasuredJob:
    sizes: dict[str, float] = ast.literal_eval(row["input_size_mb"])
    memory = None if row["max_rss"] == "NA" else float(row["max_rss"])
    return MeasuredJob(row["rule_name"], sum(sizes.values()), memory, float(row["s"]), "'device'" in row["resources"])
