"""The share of the frame to use of each source, as in config: a number, or `auto`, which `scale` makes a number."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

AUTO: Literal["auto"] = "auto"
SMALLEST_FIELD = 0.3

Fields = Mapping[str, float | Literal["auto"]]
"""Source -> share of each side of the frame that is used, or AUTO."""


def anchor_of(fields: Fields, reference: str) -> str | None:
    """The source whose scale those with AUTO get: the reference if it has a number, else the first that has; or None.

    Args:
        fields: in the order of the config.
        reference: one of the sources.
    """
    numbers = [name for name in (reference, *fields) if fields[name] != AUTO]
    return numbers[0] if numbers else None


def measured_sources(fields: Fields, reference: str) -> list[str]:
    """The sources that must be measured, sorted: those with AUTO and their anchor; none if all have numbers."""
    auto = [name for name, field in fields.items() if field == AUTO]
    anchor = anchor_of(fields, reference)
    return sorted([*auto, anchor] if auto and anchor is not None else auto)


def numbers_of(fields: Fields, files: Iterable[str | Path]) -> dict[str, float]:
    """The field of each source as a number.

    Args:
        fields: as in config.
        files: the file of `write_fields` if any source has AUTO, else nothing.
    """
    resolved = {name: field for path in files for name, field in _content(path)["fields"].items()}
    return {name: resolved[name] if field == AUTO else field for name, field in fields.items()}


def method_of(files: Iterable[str | Path]) -> Literal["red_cells", "nuclei"]:
    """The method by which fields were estimated, and red cells if none was; `files`: as `numbers_of`."""
    for path in files:
        method: Literal["red_cells", "nuclei"] = _content(path)["method"]
        return method
    return "red_cells"


def _content(path: str | Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return content
