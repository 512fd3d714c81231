"""What Snakemake says of every output that a config asks for: `snakemake --detailed-summary`, which runs nothing."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hemabalance.errors import InputError

HEADER = ("output_file", "date", "rule", "log-file(s)", "input-file(s)", "shellcmd", "status", "plan")
_OK, _NOTHING = "ok", "no update"


@dataclass(frozen=True)
class Output:
    """An output of a rule.

    Attributes:
        path: of the file, as the rule writes it.
        rule: its name.
        there: whether the file is here.
        why: what Snakemake has against it; empty if it would not make it again.
    """

    path: str
    rule: str
    there: bool
    why: str


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
    return [Output(row["output_file"], row["rule"], row["status"] != "missing", _why(row)) for row in rows]


def _why(row: dict[str, str]) -> str:
    if row["status"] != _OK:
        return row["status"]
    return "" if row["plan"] == _NOTHING else "something that it is made from will be made again"
