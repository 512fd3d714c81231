"""Files that a download keeps between attempts: partial content, its origin, and a lock against a second run."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.files import atomic_path

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class DownloadOrigin:
    """Origin of the received bytes, and the validators for resuming them."""

    address: str
    etag: str | None
    last_modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """Value for the If-Range header: the strong ETag, else the time of last modification."""
        return self.etag or self.last_modified


class PartialFile:
    """The bytes received so far, with a record of their origin beside them."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self.record = target.with_name(target.name + ".part.json")

    def size(self) -> int:
        """Return the number of bytes received so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def resumable(self, address: str) -> DownloadOrigin | None:
        """Return the origin of the bytes if a request to `address` can resume them, else None."""
        try:
            origin = DownloadOrigin(**json.loads(self.record.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        usable = self.size() > 0 and (origin.total is None or self.size() <= origin.total)
        return origin if usable and origin.address == address and origin.validator else None

    def restart(self, origin: DownloadOrigin) -> None:
        """Discard the received bytes and start over from `origin`."""
        # Truncate before changing the record: a kill in between must not pair old bytes with a new record.
        self.path.write_bytes(b"")
        with atomic_path(self.record) as draft:
            draft.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def drop(self) -> None:
        """Delete the received bytes and their record."""
        self.path.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)

    def rename(self, target: Path) -> None:
        """Move the complete file to `target`."""
        with self.path.open("rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(self.path, target)
        self.record.unlink(missing_ok=True)


@contextmanager
def download_lock(target: Path) -> Iterator[None]:
    """Hold `<target>.lock`; the operating system releases it when the process ends, even after a kill."""
    lock = target.with_name(target.name + ".lock")
    with ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(lock.open("a"))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle.fileno()).st_nlink == 0:
                # A run that just ended removed the file; a lock on it would not exclude anyone.
                raise BlockingIOError
        except BlockingIOError as error:
            remedy = "Wait until that run has ended, then run the same command again"
            raise InputError(target, "another run is downloading this file", remedy) from error
        except OSError as error:
            remedy = "Check that this folder can be written to and that its file system supports locks"
            raise InputError(lock, f"the lock file cannot be created or locked ({error.strerror})", remedy) from error
        stack.callback(lock.unlink, missing_ok=True)
        yield


@contextmanager
def disk_full_explained(part: PartialFile) -> Iterator[None]:
    """Turn a full-disk error into an InputError that gives the number of bytes kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        problem = f"no more data can be written ({error.strerror}), {part.size()} bytes of the download are kept"
        remedy = "Free disk space and run the same command again; the download resumes after these bytes"
        raise InputError(part.path, problem, remedy) from error
