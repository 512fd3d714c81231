"""Values reported by the thesis, for the "reported" columns."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

THESIS = "thesis"
"""The preset under which values of the thesis are shown."""


@cache
def reported_tables() -> dict[str, Any]:
    """All tables of `reported.yaml`, by key."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("reported.yaml").read_text("utf-8"))
    return loaded


def reported(table: str, preset: str = THESIS) -> dict[str, Any]:
    """One table of `reported.yaml`, by its key, such as `table6_final`; empty under another preset than the thesis's.

    Raises:
        KeyError: no such table.
    """
    values: dict[str, Any] = reported_tables()[table]
    return values if preset == THESIS else {}
