"""Standard output and error of a command: what they cannot show or take never costs a result."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

_GONE = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG)


def prepare_output() -> None:
    """Open streams that are closed (`>&-`), and let each escape the characters that its encoding lacks."""
    # Otherwise, the next file that is opened would be stdout for libraries that are not written in Python.
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """A text with its control characters escaped: a file's name may contain commands for the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_lost_output(error: OSError) -> bool:
    """Whether an error of `print` says that nobody can read the output: closed pipe, full disk, lost terminal."""
    return error.filename is None and (isinstance(error, BrokenPipeError) or error.errno in _GONE)


def discard_output() -> None:
    """Send further output to nowhere, and with it what Python would still write when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block like an error, so that half-written files are removed."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    # Python allows handlers in the main thread only.
    numbers = (signal.SIGTERM, signal.SIGHUP) if threading.current_thread() is threading.main_thread() else ()
    # A signal that the parent ignores, as nohup does with SIGHUP, stays ignored.
    before = {number: signal.signal(number, end) for number in numbers if signal.getsignal(number) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
