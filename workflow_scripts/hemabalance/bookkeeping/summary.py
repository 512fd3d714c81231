"""What Snakemake says of every output that a config asks for: `snakemake --detailed-summary`, which runs nothing."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hemabalance.errors import InputError

HEADER = ("output_file", "date", "rule", "log-file(s)", "input-file(s)", "shellcmd", "status", "plan")
_OK, _NOTHING, _NONE = "ok", "no update", "-"


@dataclass(frozen=True)
class Output:
    """An output of a rule.

    Attributes:
        path: of the file, as the rule writes it.
        rule: its name.
        job: which outputs have in common that one job writes them; empty where nobody has made it here.
        inputs: what it was made from.
        there: whether the file is here.
        changed: what Snakemake has against the file itself; empty for nothing.
        pending: whether Snakemake would make it again, for whatever reason.
    """

    path: str
    rule: str
    job: str
    inputs: tuple[str, ...]
    there: bool
    changed: str
    pending: bool


def summary(asked: Sequence[str]) -> list[Output]:
    """The outputs, in the order of the DAG.

    Args:
        asked: arguments for Snakemake that choose config and targets, such as `--configfile a.yaml b.yaml`.

    Raises:
        InputError: Snakemake refuses, with what it says.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", "--detailed-summary", *asked]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    start = next((k for k, line in enumerate(lines) if tuple(line) == HEADER), None)
    if done.returncode or start is None:
        said = [line for line in done.stderr.splitlines() if line.strip()][-12:]
        problem = "would not say what is up to date:\n  " + "\n  ".join(said)
        raise InputError("snakemake", problem, "Mend that, and run the command again")
    rows = [dict(zip(HEADER, line, strict=True)) for line in lines[start + 1 :] if len(line) == len(HEADER)]
    return [_output(row) for row in rows]


def _output(row: dict[str, str]) -> Output:
    log, inputs = ("" if row[name] == _NONE else row[name] for name in ("log-file(s)", "input-file(s)"))
    there = row["status"] != "missing"
    return Output(
        row["output_file"],
        row["rule"],
        log,
        tuple(inputs.split(",")) if inputs else (),
        there,
        row["status"] if there and row["status"] != _OK else "",
        row["plan"] != _NOTHING,
    )
