"""Progress of long work: a bar on a terminal, plain lines in a log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_EVERY_S = 10.0
log = logging.getLogger(__name__)


def progress(items: Iterable[Item], *, total: int, what: str, unit: str = "image") -> Iterator[Item]:
    """Yield `items`, and show how many of `total` are done, the rate, and the time left."""
    with Meter(what, total, unit) as meter:
        for item in items:
            yield item
            meter.advance()


class Meter:
    """The same with explicit calls of `advance`: for work that is resumed, or that shows values beside the count.

    Args:
        what: description of the work, such as `decoding`.
        total: number of units.
        unit: name of a unit, in the singular.
        done: units that an earlier session has done; they do not count for the rate.
        shown: False in all but one of several processes that do the same work.
    """

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0, shown: bool = True) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._before = self._done = done
        self._log = shown
        self._note = ""
        self._start = self._shown = time.monotonic()
        self._bar: Any = None
        if shown and sys.stderr.isatty():
            self._bar = tqdm(total=total, initial=done, desc=what, unit=unit, smoothing=0.1)

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._line()

    def advance(self, note: str | None = None, *, units: int = 1) -> None:
        """Count one more unit, or several; `note` is shown beside the count until the next note."""
        self._done += units
        if note is not None:
            self._note = note
        if self._bar is not None:
            if note is not None:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units)
        elif self._done < self._total and time.monotonic() - self._shown >= LOG_EVERY_S:
            self._line()  # the last line is written at the end

    def _line(self) -> None:
        self._shown = time.monotonic()
        if not self._log:
            return
        seconds, new = self._shown - self._start, self._done - self._before
        rate = new / max(seconds, 1e-9)
        unfinished = rate and self._done < self._total
        left = f", {(self._total - self._done) / rate:.0f} s left" if unfinished else f" in {seconds:.1f} s"
        note = f"; {self._note}" if self._note else ""
        count = f"{self._done}/{self._total} {self._unit}s"
        log.info(f"{self._what}: {count}, {rate:.1f} {self._unit}s/s{left}{note}")
