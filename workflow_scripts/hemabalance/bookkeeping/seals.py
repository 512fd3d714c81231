"""Seals: the provenance of a published output, stored in its `.dvc` file.

A `.dvc` file names the content that belongs under a path. Its key `meta`, free for users of DVC, holds the seal: the
md5 of that content, the md5 of every input of its job, and Snakemake's record. git versions both together, so that a
clone can tell whether a pulled file still belongs to the clone's config, code and other files.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from hemabalance.errors import InputError
from hemabalance.files import atomic_path, canonical_json

SUFFIX = ".dvc"
KEY, VERSION = "hemabalance", 1
FOLDERS = ("data", "results")
"""Folders of versioned files."""

_SKIPPED = frozenset({".state", "logs", "benchmarks"})


@dataclass(frozen=True)
class Seal:
    """The provenance of an output.

    Attributes:
        md5: of the output's content.
        inputs: path -> md5 of each input of the job.
        record: Snakemake's record of the output, see `records.for_seal`; empty for a file that no rule makes.
    """

    md5: str
    inputs: Mapping[str, str]
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Versioned:
    """The content of a `.dvc` file.

    Attributes:
        path: of the versioned file, relative to the working folder.
        md5: of the content that DVC holds for this path.
        seal: None for a file that was added to DVC without `hemabalance publish`.
    """

    path: str
    md5: str
    seal: Seal | None


def dvc_file(path: str | Path) -> Path:
    """The path of the `.dvc` file of a file."""
    return Path(f"{path}{SUFFIX}")


def dvc_files() -> Iterator[Path]:
    """All `.dvc` files below FOLDERS, relative to the working folder, sorted; none of logs and resume points."""
    for folder in FOLDERS:
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(set(folders) - _SKIPPED)
            yield from (Path(parent, name) for name in sorted(names) if name.endswith(SUFFIX) and name != SUFFIX)


def read_versioned(path: Path) -> Versioned:
    """Read a `.dvc` file by its path relative to the working folder.

    Raises:
        InputError: it is not the `.dvc` file of a single file, or its seal is damaged or has another version.
    """
    values = _parse(path)
    try:
        (out,) = values["outs"]
        md5 = str(out["md5"])
        versioned = str(path.parent / str(out["path"]))
        meta = dict(values.get("meta") or {}).get(KEY)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, "is not the `.dvc` file of one file", _REMEDY) from error
    return Versioned(versioned, md5, _read_seal(path, meta))


def write_seal(path: Path, seal: Seal) -> None:
    """Write a seal into a `.dvc` file, replacing an earlier one; everything else in the file is kept."""
    values = _parse(path)
    meta = {**(values.get("meta") or {}), KEY: {"version": VERSION, "seal": canonical_json(asdict(seal))}}
    with atomic_path(path) as part:
        part.write_text(yaml.safe_dump({**values, "meta": meta}, sort_keys=False, allow_unicode=True), "utf-8")


_REMEDY = "Check it out from git again, or delete it and publish once more"


def _parse(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        message = " ".join(str(error).split())  # messages of YAML have several lines
        raise InputError(path, f"cannot be read ({message})", _REMEDY) from error
    if not isinstance(values, dict):
        raise InputError(path, "contains no keys", _REMEDY)
    return values


def _read_seal(path: Path, meta: Any) -> Seal | None:
    if meta is None:
        return None
    try:
        if meta["version"] != VERSION:
            raise InputError(path, "was sealed by another version of hemabalance", "Publish again with this version")
        return Seal(**json.loads(meta["seal"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"has a damaged seal ({error})", _REMEDY) from error
