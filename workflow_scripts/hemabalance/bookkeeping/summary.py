"""Snakemake's summary of all outputs of a config: `snakemake --detailed-summary`, which runs no job."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hemabalance.bookkeeping.workflow_packages import require_workflow
from hemabalance.errors import InputError

HEADER = ("output_file", "date", "rule", "log-file(s)", "input-file(s)", "shellcmd", "status", "plan")
_OK, _NO_UPDATE, _EMPTY = "ok", "no update", "-"


@dataclass(frozen=True)
class Output:
    """An output of a rule.

    Attributes:
        path: as the rule writes it.
        rule: its name.
        job: the same for all outputs of one job (the job's log file); empty if no job has made it here.
        inputs: of its job.
        exists: whether the file exists here.
        stale_reason: why Snakemake calls the file itself out of date; empty if it does not.
        pending: whether Snakemake would make it again, for any reason.
    """

    path: str
    rule: str
    job: str
    inputs: tuple[str, ...]
    exists: bool
    stale_reason: str
    pending: bool


def summary(arguments: Sequence[str]) -> list[Output]:
    """The outputs, in the order of the DAG.

    Args:
        arguments: for Snakemake; they choose config and targets, such as `--configfile a.yaml b.yaml`.

    Raises:
        InputError: Snakemake is not installed, or fails (with its message).
    """
    require_workflow("snakemake")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", "--detailed-summary", *arguments]
    process = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split("\t") for line in process.stdout.splitlines()]
    start = next((k for k, line in enumerate(lines) if tuple(line) == HEADER), None)
    if process.returncode or start is None:
        messages = [line for line in process.stderr.splitlines() if line.strip()][-12:]
        problem = "failed to list what is up to date:\n  " + "\n  ".join(messages)
        raise InputError("snakemake", problem, "Correct the cause, and run the command again")
    rows = [dict(zip(HEADER, line, strict=True)) for line in lines[start + 1 :] if len(line) == len(HEADER)]
    return [_output(row) for row in rows]


def _output(row: dict[str, str]) -> Output:
    log, inputs = ("" if row[name] == _EMPTY else row[name] for name in ("log-file(s)", "input-file(s)"))
    exists = row["status"] != "missing"
    return Output(
        row["output_file"],
        row["rule"],
        log,
        tuple(inputs.split(",")) if inputs else (),
        exists,
        row["status"] if exists and row["status"] != _OK else "",
        row["plan"] != _NO_UPDATE,
    )
