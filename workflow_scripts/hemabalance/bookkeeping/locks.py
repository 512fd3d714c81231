"""What one process does at a time: a job, and whatever writes to the files that ours keep account in.

Snakemake locks a folder against a second workflow. But when it is killed alone its jobs go on, and somebody who unlocks
the folder and starts again would have the same files written by two processes.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hemabalance.files import explain_write_errors

log = logging.getLogger(__name__)

FOLDER = "hemabalance/jobs"
"""In `.snakemake`: a lock for each job that has run."""


@contextmanager
def job_lock(output: str, state: Path) -> Iterator[None]:
    """Wait until no other process makes an output, and keep others from it within.

    Args:
        output: one of the job's.
        state: Snakemake's folder `.snakemake`.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    place = state / FOLDER / f"{hashlib.sha256(output.encode()).hexdigest()[:32]}.lock"
    with _opened(place) as handle:
        _lock(handle, output)
        yield


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Wait until no other process holds a lock, and hold it within.

    Args:
        place: its file, which is made and stays.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    with _opened(place) as handle:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(place: Path) -> Iterator[int]:
    with explain_write_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, output: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(handle, 64, 0).decode("ascii", "replace").strip()
        log.warning(
            "%s: process %s, of a workflow that was killed, still makes this; waiting for its end (stop it: kill %s)",
            *(output, other, other),
        )
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s: without locks on this file system (%s) no second workflow may run here", output, error)
    with suppress(OSError):  # a full disk: only the message of who waits would miss it
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
