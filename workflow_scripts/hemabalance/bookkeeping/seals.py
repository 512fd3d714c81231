"""Seals: in the `.dvc` file of an output, the proof of what it was made by.

A `.dvc` file says which content belongs under a name. Its `meta`, which is the user's to fill, gets a seal: the md5 of
that content, the md5 of every input that it was made from, and Snakemake's record. git versions the two together, so
that a clone knows whether what it pulls still belongs to its config, its code and its other files.
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
"""Where versioned files are."""

_SKIPPED = frozenset({".state", "logs", "benchmarks"})


@dataclass(frozen=True)
class Seal:
    """What an output was made by.

    Attributes:
        md5: of its content.
        inputs: path -> md5 of what it was made from.
        record: Snakemake's of the output, see `records.for_seal`; empty for a file that no rule makes.
    """

    md5: str
    inputs: Mapping[str, str]
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Versioned:
    """A `.dvc` file.

    Attributes:
        path: of the file that it versions, from the working folder.
        md5: of the content that DVC has under this name.
        seal: None where nobody has sealed it.
    """

    path: str
    md5: str
    seal: Seal | None


def dvc_file(path: str | Path) -> Path:
    """The `.dvc` file of a file."""
    return Path(f"{path}{SUFFIX}")


def dvc_files() -> Iterator[Path]:
    """All `.dvc` files of the working folder, relative to it, sorted, without those of logs and resume points."""
    for folder in FOLDERS:
        for where, folders, names in os.walk(folder):
            folders[:] = sorted(set(folders) - _SKIPPED)
            yield from (Path(where, name) for name in sorted(names) if name.endswith(SUFFIX) and name != SUFFIX)


def read_versioned(path: Path) -> Versioned:
    """Read a `.dvc` file by its path from the working folder.

    Raises:
        InputError: it is not a `.dvc` file of a single file, or its seal is of another version or damaged.
    """
    described = _parsed(path)
    try:
        (out,) = described["outs"]
        md5 = str(out["md5"])
        versioned = str(path.parent / str(out["path"]))
        entry = dict(described.get("meta") or {}).get(KEY)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, "is not the `.dvc` file of one file", _REMEDY) from error
    return Versioned(versioned, md5, _seal(path, entry))


def write_seal(path: Path, seal: Seal) -> None:
    """Put a seal into a `.dvc` file, in the place of an older one; all else in it stays."""
    described = _parsed(path)
    meta = {**(described.get("meta") or {}), KEY: {"version": VERSION, "seal": canonical_json(asdict(seal))}}
    with atomic_path(path) as part:
        part.write_text(yaml.safe_dump({**described, "meta": meta}, sort_keys=False, allow_unicode=True), "utf-8")


_REMEDY = "Check it out from git again, or delete it and publish once more"


def _parsed(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())  # YAML's errors have several lines
        raise InputError(path, f"cannot be read ({said})", _REMEDY) from error
    if not isinstance(found, dict):
        raise InputError(path, "holds no entries", _REMEDY)
    return found


def _seal(path: Path, entry: Any) -> Seal | None:
    if entry is None:
        return None
    try:
        if entry["version"] != VERSION:
            raise InputError(path, "was sealed by another version of hemabalance", "Publish once more with this one")
        return Seal(**json.loads(entry["seal"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"has a damaged seal ({error})", _REMEDY) from error
