"""Atomic file writing: a file is either complete under its name or does not exist. Hashes and canonical JSON."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError

CHUNK = 1 << 20


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield `<target>.part` to write to; rename it to `target` on success, remove it on any error.

    Raises:
        InputError: the disk is full, the file is too large for it, or the folder cannot be written to.
    """
    target = Path(target)
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(part, target)
    except BaseException as error:
        # On a read-only disk this fails too, and its error would hide the original one.
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and (explained := _explain(error, target, part)):
            raise explained from error
        raise


@contextmanager
def explain_write_errors(target: str | Path) -> Iterator[None]:
    """Turn the error of a failed write into a message; the block must do nothing but write `target`.

    Raises:
        InputError: as `atomic_path`.
    """
    target = Path(target)
    try:
        yield
    except OSError as error:
        if explained := _explain(error, target, target):
            raise explained from error
        raise


def _explain(error: OSError, target: Path, part: Path) -> InputError | None:
    if error.filename is not None and Path(str(error.filename)) not in (target, part, *target.parents):
        return None  # an error about another file, read while this one was written
    again = "and run the same command again"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(target, "the disk is full, nothing was written", f"Free some space {again}")
    if error.errno == errno.EFBIG:
        return InputError(
            target, "is larger than its disk or `ulimit -f` allows", f"Choose another disk or limit {again}"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        problem = f"this folder cannot be written to ({os.strerror(error.errno)})"
        return InputError(target.parent, problem, "Check that it is a folder, its owner and its permissions")
    return None


def check_target(target: str | Path) -> None:
    """Try, before any work, whether `atomic_path` will be able to write a file; nothing is left behind.

    Raises:
        InputError: the path is a folder, a device or too long a name, or its folder cannot be made or written to.
    """
    target = Path(target).absolute()
    if os.path.isdir(target):
        raise InputError(target, "is a folder", "Give the name of the file to write")
    if os.path.exists(target) and not os.path.isfile(target):
        raise InputError(target, "is a device or a pipe, which a file would replace", "Give the name of a file")
    _check_folder(target)


def check_new_folder(folder: str | Path) -> None:
    """Try, before any work, whether a folder can be made; nothing is left behind.

    Raises:
        InputError: something has this path already, or the folder around it cannot be made or written to.
    """
    folder = Path(folder).absolute()
    if os.path.lexists(folder):
        raise InputError(folder, "exists already; nothing is overwritten", "Choose another folder, or remove it")
    _check_folder(folder)


def _check_folder(target: Path) -> None:
    part = target.with_name(target.name + ".part")
    nearest = next(folder for folder in target.parents if os.path.lexists(folder))
    try:
        with suppress(FileNotFoundError):
            part.lstat()
        with tempfile.NamedTemporaryFile(dir=nearest):
            pass
    except OSError as error:
        problem = f"cannot be written: {nearest} ({error.strerror})"
        if error.errno == errno.ENAMETOOLONG:
            problem = "cannot be written: the name is too long"
        remedy = "Choose another place, or check that it is a folder, its owner and its permissions"
        raise InputError(target, problem, remedy) from error


def sha256_file(path: str | Path) -> str:
    """The sha256 of a file's bytes, lower-case hex."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and without spaces: one string, because Snakemake compares params as a set of values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_json(value: Any, path: str | Path) -> None:
    """Write a value as JSON atomically, indented, with non-ASCII characters unescaped.

    Raises:
        ValueError: the value contains NaN or infinity.
        TypeError: the value contains an object that JSON does not have.
        InputError: as `atomic_path`.
    """
    with atomic_path(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def named_paths(names: Iterable[str], files: Iterable[str]) -> dict[str, Path]:
    """Name -> path, of names and files in the same order."""
    return dict(zip(names, map(Path, files), strict=True))
