"""What a download keeps between attempts: the bytes so far, where they came from, and a lock against a second run."""

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
    """Where received bytes came from, and what lets a server vouch for them later."""

    address: str
    etag: str | None
    last_modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """What goes into If-Range: the strong ETag, else the time of last modification."""
        return self.etag or self.last_modified


class PartialFile:
    """The bytes received so far and, in a record beside them, where they came from."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self.record = target.with_name(target.name + ".part.json")

    def size(self) -> int:
        """Bytes received so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def resumable(self, address: str) -> DownloadOrigin | None:
        """Where the bytes came from, if a request to `address` may go on from them."""
        try:
            origin = DownloadOrigin(**json.loads(self.record.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        fits = self.size() > 0 and (origin.total is None or self.size() <= origin.total)
        return origin if fits and origin.address == address and origin.validator else None

    def restart(self, origin: DownloadOrigin) -> None:
        """Start over with bytes from `origin`."""
        # Emptied before the record changes: a kill in between must not pair old bytes with a new record.
        self.path.write_bytes(b"")
        with atomic_path(self.record) as draft:
            draft.write_text(json.dumps(asdict(origin)), encoding="utf-8")

    def drop(self) -> None:
        """Forget bytes and record."""
        self.path.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)

    def rename(self, target: Path) -> None:
        """Give the complete bytes their name."""
        with self.path.open("rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(self.path, target)
        self.record.unlink(missing_ok=True)


@contextmanager
def download_lock(target: Path) -> Iterator[None]:
    """Hold `<target>.lock`; the system lets go of it when the process ends, however it ends."""
    lock = target.with_name(target.name + ".lock")
    with ExitStack() as held:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle = held.enter_context(lock.open("a"))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle.fileno()).st_nlink == 0:
                # Removed by a run that ended just now; a lock on it would keep nobody out.
                raise BlockingIOError
        except BlockingIOError as error:
            remedy = "Wait until that run has ended, then run the same command again"
            raise InputError(target, "another run is downloading this file", remedy) from error
        except OSError as error:
            remedy = "Check that this folder can be written to and that its file system has locks"
            raise InputError(lock, f"the lock file cannot be made or locked ({error.strerror})", remedy) from error
        held.callback(lock.unlink, missing_ok=True)
        yield


@contextmanager
def disk_full_explained(part: PartialFile) -> Iterator[None]:
    """Turn a full disk into an InputError that says how many bytes are kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        problem = f"the disk takes no more ({error.strerror}), {part.size()} bytes of the download are kept"
        remedy = "Make room and run the same command again, the download goes on from these bytes"
        raise InputError(part.path, problem, remedy) from error
