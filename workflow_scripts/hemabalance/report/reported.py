"""The figures that the thesis reports, for the "reported" columns."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _all() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("reported.yaml").read_text("utf-8"))
    return loaded


def reported(table: str) -> dict[str, Any]:
    """One table of `reported.yaml`, by its key (`table6_final`).

    Raises:
        KeyError: no such table.
    """
    found: dict[str, Any] = _all()[table]
    return found
