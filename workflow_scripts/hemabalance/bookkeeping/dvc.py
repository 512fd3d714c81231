"""Run DVC commands, one at a time."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hemabalance.bookkeeping.locks import locked

LOCK = "hemabalance/dvc.lock"
"""In `.snakemake`: held by every process of ours that runs DVC. DVC's own lock fails instead of waiting."""

_LOG = re.compile(r"(?:ERROR|WARNING): (.+)")


@dataclass(frozen=True)
class CommandResult:
    """The result of a finished command.

    Attributes:
        ok: whether the exit code was 0.
        output: stdout, stripped.
        reason: the first error message of a failed command; empty for a successful one.
    """

    ok: bool
    output: str
    reason: str


def dvc(*arguments: str, state: Path) -> CommandResult:
    """Run a DVC command in the working folder; wait for DVC commands of our other processes first.

    Args:
        arguments: as on DVC's command line.
        state: Snakemake's folder `.snakemake`.
    """
    with locked(state / LOCK):
        # Not --quiet, which suppresses the error messages too.
        process = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    ok, errors = process.returncode == 0, process.stderr
    reasons = [*_LOG.findall(errors), *errors.strip().splitlines(), f"exit code {process.returncode}"]
    return CommandResult(ok, process.stdout.strip(), "" if ok else reasons[0])
