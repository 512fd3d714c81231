"""Where a page comes from: version, commit, config, command, machine and seeds, without the name of the machine."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from hemabalance.bookkeeping.run_origin import COMMAND, CONFIG
from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.results.machine import commit, hardware, versions


class Fact(NamedTuple):
    """A row of the block.

    Attributes:
        name: what it is.
        value: in words.
        varies: whether the same results written again can have another value, such as a date.
    """

    name: str
    value: str
    varies: bool


def provenance(seed: int, seeds: Sequence[int] = ()) -> list[Fact]:
    """Facts on the run that writes a page, at the time of the call.

    Args:
        seed: seed of the config.
        seeds: seeds of the trainings on the page; empty if there are none.
    """
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    trainings = f"; trainings {', '.join(map(str, sorted(set(seeds))))}" if seeds else ""
    return [
        Fact("written", written, True),
        Fact("version", _own_version(), False),
        Fact("commit", commit().replace("`", ""), True),
        Fact("digest of the config", os.getenv(CONFIG, NOT_AVAILABLE), True),
        Fact("command", _without_home(os.getenv(COMMAND, NOT_AVAILABLE)), True),
        Fact("machine", hardware(cuda=False), True),
        Fact("Python and packages", versions(), True),
        Fact("seeds", f"config {seed}{trainings}", False),
    ]


def _own_version() -> str:
    try:
        return version("hemabalance")
    except PackageNotFoundError:
        return NOT_AVAILABLE


def _without_home(command: str) -> str:
    """The command with `~` for the home folder, whose name is often a person's."""
    home = Path("~").expanduser().as_posix()
    return command.replace(home, "~") if len(home) > 1 else command
