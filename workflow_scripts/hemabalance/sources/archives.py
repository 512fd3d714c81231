"""Open untrusted archives: every member name and size is checked, and no path of the archive is used on disk."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.sources.containers.contract import Archive, Limits, Member
from hemabalance.sources.containers.errors import DOWNLOAD_AGAIN, archive_errors
from hemabalance.sources.containers.folders import Folder
from hemabalance.sources.containers.tars import Tar
from hemabalance.sources.containers.zips import MAGIC, open_zip

__all__ = ["Archive", "Limits", "Member", "open_archive"]


@contextmanager
def open_archive(path: Path, limits: Limits) -> Iterator[Archive]:
    """Open a zip, a zip that wraps one zip, a tar (plain, gzip, bzip2, xz) or an unpacked folder.

    The format is recognised by content, not by file name. An archive without files opens with no members.

    Raises:
        InputError: the path is missing, empty, truncated or not an archive; a member has an unsafe, duplicate or
            undecodable name, or is a link, a device or encrypted; or the archive exceeds `limits`.
    """
    with ExitStack() as stack:
        if path.is_dir():
            yield Folder(path, limits)
        elif (head := _read_head(path)).startswith(MAGIC):
            yield open_zip(path, limits, stack)
        else:
            yield Tar(path, head, limits)


def _read_head(path: Path) -> bytes:
    if not path.exists():
        raise InputError(
            path.absolute(),
            "does not exist; a zip, a tar or an unpacked folder was expected here",
            "Put the archive there, or correct its path in the config",
        )
    if not path.is_file():
        raise InputError(path, "is neither a file nor a folder", "Give a zip, a tar or an unpacked folder")
    with archive_errors(str(path)), path.open("rb") as handle:
        head = handle.read(8)
    if not head:
        raise InputError(path, "is an empty file (0 bytes)", DOWNLOAD_AGAIN)
    return head
