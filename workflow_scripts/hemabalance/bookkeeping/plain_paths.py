"""Paths that Snakemake would misread: it takes `{2}` for a wildcard and `<lab>` for a path variable.

Snakemake has no way to quote either. Therefore it gets the path of a symbolic link instead.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.files import explain_write_errors

FOLDER = Path("hemabalance/paths")
"""In `.snakemake`: the links."""

_MISREAD = re.compile(r"[{}<>]")


def input_path(path: str, state: Path) -> str:
    """The path under which Snakemake gets a file or folder of the user: the path itself, or that of a link to it.

    Args:
        path: as in the config.
        state: Snakemake's folder `.snakemake` in the working folder.

    Raises:
        InputError: Snakemake would misread the path, and nothing exists there; or the link cannot be written.
    """
    if not _MISREAD.search(path):
        return path
    target = os.path.abspath(path)
    if not os.path.exists(target):
        remedy = "Put the file there, or choose a path without the characters { } < > in the config"
        raise InputError(target, "does not exist, and no rule can make a file with such a path", remedy)
    digest = hashlib.sha256(target.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    link = state / FOLDER / f"{digest}-{_MISREAD.sub('_', os.path.basename(target))}"
    if not link.is_symlink():
        with explain_write_errors(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            part = link.with_name(f"{link.name}.{os.getpid()}.part")
            os.symlink(target, part)
            os.replace(part, link)  # two workflows may start at the same moment
    return str(link)


def require_files(paths: Mapping[str, str]) -> None:
    """Refuse paths of the config at which there is no file, although no rule makes these files.

    Args:
        paths: key of the config -> path.

    Raises:
        InputError: a path is a folder, or nothing exists there.
    """
    for key, path in paths.items():
        if not os.path.isfile(path):
            problem = "is a folder, not a file" if os.path.isdir(path) else "no such file"
            raise InputError(os.path.abspath(path), problem, f"Correct `{key}` in the config, or put the file there")


def users_path(path: str) -> Path:
    """The user's path of an input of a job, for messages: where `input_path` gave Snakemake a link, its target."""
    return Path(os.readlink(path)) if Path(path).parent.match(f"*/{FOLDER}") and os.path.islink(path) else Path(path)
