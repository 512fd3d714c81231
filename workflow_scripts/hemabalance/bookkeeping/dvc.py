"""Commands of DVC, one at a time."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hemabalance.bookkeeping.locks import locked

LOCK = "hemabalance/dvc.lock"
"""In `.snakemake`: whoever of us runs DVC holds it. DVC's own lock does not wait, but fails."""

_LOG = re.compile(r"(?:ERROR|WARNING): (.+)")


@dataclass(frozen=True)
class CommandResult:
    """A command that has ended.

    Attributes:
        ok: whether it did what it was asked for.
        output: what it printed for programs.
        why: if not, the first of its reasons.
    """

    ok: bool
    output: str
    why: str


def dvc(*arguments: str, state: Path) -> CommandResult:
    """Run a command of DVC in the working folder, after those of other processes of ours.

    Args:
        arguments: as on its command line.
        state: Snakemake's folder `.snakemake`.
    """
    with locked(state / LOCK):
        # Not --quiet, which takes the reasons away as well.
        ran = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    reasons = [*_LOG.findall(ran.stderr), *ran.stderr.strip().splitlines(), f"exit code {ran.returncode}"]
    return CommandResult(ran.returncode == 0, ran.stdout.strip(), "" if ran.returncode == 0 else reasons[0])
