"""What Snakemake noted of an output when it made it: the record that decides whether the output is made again.

Snakemake keeps it in `.snakemake/metadata`, which no clone has; its version is pinned, and so is the record's form.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.files import write_json

FORMAT = 6
"""`record_format_version` of the pinned Snakemake."""

STALE = "STALE: "
"""Begins the one param of a record that says why an output must be made again."""

_LONGEST = 254  # of a folder entry's name, as Snakemake cuts them

# Not what the file was made by, but when and where, or for people: left out of a seal.
_LEFT_OUT = frozenset({"incomplete", "external_jobid", "conda_env", "job_hash"})


@dataclass(frozen=True)
class Records:
    """Snakemake's records of one working folder.

    Attributes:
        folder: `.snakemake`.
    """

    folder: Path

    def read(self, output: str) -> dict[str, Any] | None:
        """The record of an output by its path as rules write it; None where there is none, or a damaged one."""
        try:
            found = json.loads(self._path(output).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def write(self, output: str, record: dict[str, Any]) -> None:
        """Put a record in the place of the present one."""
        write_json({**record, "incomplete": False, "external_jobid": None}, self._path(output))

    def mark_stale(self, output: str, record: dict[str, Any], why: str) -> None:
        """Write a record that makes Snakemake run the output's job again, and say why."""
        self.write(output, {**record, "params": [STALE + why]})

    def complete(self, output: str) -> bool:
        """Whether no job that writes the output was broken off."""
        return not self._path(output, "incomplete").exists()

    def _path(self, output: str, kind: str = "metadata") -> Path:
        name = urlsafe_b64encode(output.encode()).decode()
        parts = [name[start : start + _LONGEST] for start in range(0, len(name), _LONGEST)]
        return self.folder.joinpath(kind, *("@" + part for part in parts[:-1]), parts[-1])


def is_stale(record: Mapping[str, Any]) -> bool:
    """Whether `Records.mark_stale` wrote it."""
    return any(str(value).startswith(STALE) for value in record.get("params") or ())


def for_seal(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record holds on any machine."""
    return {name: value for name, value in record.items() if name not in _LEFT_OUT}
