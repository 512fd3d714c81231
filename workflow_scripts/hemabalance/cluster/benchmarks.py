"""Read Snakemake's benchmarks of jobs, the files under `results/<run>/benchmarks`."""

import ast
import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError

_CHOOSE = "Choose the folder of a run that `snakemake` made here, such as results/demo; results from DVC have none"


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
        threads: cores that the job was given.
        cpu_seconds: processor time of the job and its child processes; None if it ended before the first measurement.
        kind: name of the rule without protocol and page, which is that of its script, such as `stain_report`.
        settings: the param `settings`; empty for a rule without it.
        device: `cpu` or `cuda`; empty for a rule without networks.
        name: path of its file below `benchmarks`, without suffix, such as `synthesis_fit/leak_free/none/flow`.
    """

    rule: str
    input_mb: float
    memory_mb: float | None
    seconds: float
    networks: bool
    threads: int = 1
    cpu_seconds: float | None = None
    kind: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""
    name: str = ""


def measured_jobs(run: Path) -> list[MeasuredJob]:
    """All jobs of a run, in the order of their files.

    Args:
        run: folder `results/<run>`.

    Raises:
        InputError: there are no benchmarks, or one was not written with Snakemake's option `benchmark-extended`.
    """
    paths = sorted((run / "benchmarks").rglob("*.tsv"))
    if not paths:
        raise InputError(run, "has no files in benchmarks/", _CHOOSE)
    return [job for path in paths for job in _jobs(path, path.relative_to(run / "benchmarks").with_suffix(""))]


def core_seconds(jobs: Iterable[MeasuredJob]) -> float:
    """Sum of run time times cores, in seconds."""
    return sum(job.seconds * job.threads for job in jobs)


def _jobs(path: Path, name: Path) -> list[MeasuredJob]:
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE))
    try:
        return [_job(row, name) for row in rows]
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        problem = "does not contain the sizes of the job's inputs"
        raise InputError(path, problem, "Measure the run again under profiles/default (benchmark-extended)") from error


def _job(row: dict[str, str], name: Path) -> MeasuredJob:
    sizes: dict[str, float] = ast.literal_eval(row["input_size_mb"])
    params: dict[str, str] = ast.literal_eval(row["params"])
    device = re.search(r"'device': '(\w+)'", row["resources"])
    return MeasuredJob(
        rule=row["rule_name"],
        input_mb=sum(sizes.values()),
        memory_mb=_measured(row["max_rss"]),
        seconds=float(row["s"]),
        networks="'device'" in row["resources"],
        threads=int(row["threads"]),
        cpu_seconds=_measured(row["cpu_time"]),
        kind=name.parts[0],
        settings=json.loads(params.get("settings", "{}")),
        device=device.group(1) if device else "",
        name=name.as_posix(),
    )


def _measured(cell: str) -> float | None:
    return None if cell == "NA" else float(cell)
