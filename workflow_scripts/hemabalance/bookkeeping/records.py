"""Snakemake's record of an output: the metadata by which Snakemake decides whether to make the output again.

Records are in `.snakemake/metadata`, which no clone has. The version of Snakemake is pinned, and with it their format.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.files import write_json

FORMAT = 6
"""`record_format_version` of the pinned Snakemake."""

STALE = "STALE: "
"""Prefix of a stale mark: the only param of a marked record, followed by the reason."""

_MAX_NAME = 254  # of a file or folder; Snakemake splits longer names in the same way

# Not provenance, but where and when the job ran, or text for people.
_NOT_SEALED = frozenset({"incomplete", "external_jobid", "conda_env", "job_hash"})


@dataclass(frozen=True)
class Records:
    """Snakemake's records of one working folder.

    Attributes:
        folder: `.snakemake`.
    """

    folder: Path

    def read(self, output: str) -> dict[str, Any] | None:
        """The record of an output, by its path in the rule; None if it is missing or damaged."""
        try:
            record = json.loads(self._path(output).read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def outputs(self) -> list[str]:
        """The paths of all outputs that have a record, sorted; files that are no record are left out."""
        folder = self.folder / "metadata"
        files = (path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file())
        names = ("".join(part.removeprefix("@") for part in parts) for parts in files)
        return sorted(output for name in names if (output := _decoded(name)))

    def write(self, output: str, record: dict[str, Any]) -> None:
        """Write a record, replacing the present one."""
        write_json({**record, "incomplete": False, "external_jobid": None}, self._path(output))

    def mark_stale(self, output: str, record: dict[str, Any], reason: str) -> None:
        """Write a record whose params are a stale mark: Snakemake runs the job again and shows the reason."""
        self.write(output, {**record, "params": [STALE + reason]})

    def complete(self, output: str) -> bool:
        """Whether no job that writes the output is running or was interrupted."""
        return not self._path(output, "incomplete").exists()

    def _path(self, output: str, kind: str = "metadata") -> Path:
        name = urlsafe_b64encode(output.encode()).decode()
        parts = [name[start : start + _MAX_NAME] for start in range(0, len(name), _MAX_NAME)]
        return self.folder.joinpath(kind, *("@" + part for part in parts[:-1]), parts[-1])


def _decoded(name: str) -> str:
    try:
        return urlsafe_b64decode(name).decode()
    except ValueError:
        return ""


def is_stale(record: Mapping[str, Any]) -> bool:
    """Whether `Records.mark_stale` wrote the record."""
    return any(str(value).startswith(STALE) for value in record.get("params") or ())


def for_seal(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that is valid on any machine."""
    return {name: value for name, value in record.items() if name not in _NOT_SEALED}
