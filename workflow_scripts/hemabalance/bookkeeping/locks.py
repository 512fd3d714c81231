"""Locks between processes: one per job, one per bookkeeping file.

Snakemake locks a folder against a second workflow. But if Snakemake alone is killed, its jobs go on; after unlocking
and restarting, two processes would write the same files.
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
"""In `.snakemake`: a lock file for each job that has run."""


def is_running(output: str, state: Path) -> bool:
    """Whether a process holds the lock of a job; False where the file system has no locks.

    Args:
        output: the output that identifies the job, see `job_lock`.
        state: Snakemake's folder `.snakemake`.
    """
    try:
        handle = os.open(_lock_file(output, state), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _lock_file(output: str, state: Path) -> Path:
    return state / FOLDER / f"{hashlib.sha256(output.encode()).hexdigest()[:32]}.lock"


@contextmanager
def job_lock(output: str, state: Path) -> Iterator[None]:
    """Hold the lock of a job; wait, with a log message, while another process holds it.

    Args:
        output: one output of the job; identifies the job.
        state: Snakemake's folder `.snakemake`.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    with _open(_lock_file(output, state)) as handle:
        _lock(handle, output)
        yield


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock; wait while another process holds it. On a file system without locks, do not lock.

    Args:
        file: lock file; it is created if missing, and never deleted.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    with _open(file) as handle:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _open(file: Path) -> Iterator[int]:
    with explain_write_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, output: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(handle, 64, 0).decode("ascii", "replace").strip()
        log.warning(
            "%s: process %s, of a workflow that was killed, still runs this job; waiting until it ends "
            "(to stop it: kill %s)",
            *(output, pid, pid),
        )
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s: this file system has no locks (%s): do not start a second workflow here", output, error)
    with suppress(OSError):  # a full disk: without the number, only the message above is incomplete
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
