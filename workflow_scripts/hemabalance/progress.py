"""Progress of long work: a bar on a terminal, plain lines in a log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_EVERY_S = 10.0
log = logging.getLogger(__name__)


def progress(items: Iterable[Item], *, total: int, what: str, unit: str = "image") -> Iterator[Item]:
    """Pass `items` on while showing how many of `total` are done, the rate, and the time left."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=what, unit=unit, smoothing=0.1)
        return
    start = shown = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        if time.monotonic() - shown >= LOG_EVERY_S:
            shown = time.monotonic()
            log.info(_line(what, unit, done, total, shown - start))
    log.info(_line(what, unit, done, total, time.monotonic() - start))


def _line(what: str, unit: str, done: int, total: int, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    left = f", {(total - done) / rate:.0f} s left" if rate and done < total else f" in {seconds:.1f} s"
    return f"{what}: {done}/{total} {unit}s, {rate:.1f} {unit}s/s{left}"
