"""Values reported by the thesis, for the "reported" columns."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPORTED_PRESET = "thesis"
"""The preset of the archives for which the thesis reports values."""


@cache
def reported_tables() -> dict[str, Any]:
    """All tables of `reported.yaml`, by key."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("reported.yaml").read_text("utf-8"))
    return loaded


def reported(table: str, preset: str = REPORTED_PRESET) -> dict[str, Any]:
    """One table of `reported.yaml`, by its key, such as `table6_final`; empty under another preset than the thesis's.

    Raises:
        KeyError: no such table.
    """
    values: dict[str, Any] = reported_tables()[table] if preset == REPORTED_PRESET else {}
    return values
