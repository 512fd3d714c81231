"""Error messages and remedies for damaged or unsafe archives."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from hemabalance.errors import InputError

DOWNLOAD_AGAIN = "Download it again from its publisher"
DISTRUST = "Do not use this archive; download it again from its publisher"
UNPACK = "Unpack it yourself and give the unpacked folder instead"

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    OverflowError,
)


@contextmanager
def archive_errors(where: str, name: str | None = None) -> Iterator[None]:
    """Turn standard-library exceptions on damaged bytes into an InputError about `where` or its member `name`."""
    try:
        yield
    except PermissionError as error:
        location = where if name is None else member_location(where, name)
        raise InputError(location, "may not be read", "Check its owner and permissions") from error
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        location = where if name is None else member_location(where, name)
        raise InputError(location, f"is truncated or damaged ({_printable(reason)})", DOWNLOAD_AGAIN) from error


def member_location(where: str, name: str) -> str:
    """Return how messages name a member of an archive, with control characters escaped."""
    return f"{where}: {_printable(name)}"


def raise_limit(limit: str) -> str:
    """Return the remedy for an archive that exceeds the named field of `Limits`."""
    return f"If you trust this archive, raise limits.{limit} in the config"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
