"""An ordered, bounded map over a thread pool, for work that releases the GIL (decoding, hashing, resizing)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, ahead: int | None = None
) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`.

    Args:
        function: safe to call from several threads; with one thread it is called by the caller's own.
        items: read by the caller's thread, as far ahead as the results.
        threads: calls that run at once.
        ahead: results that wait in memory or are being computed, at most; by default 8 per thread. A caller that takes
            results in batches keeps the threads busy meanwhile with two batches or more.
    """
    if threads == 1:
        yield from map(function, items)
        return
    futures: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                futures.append(pool.submit(function, item))
                if len(futures) >= (ahead or 8 * threads):
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to `size` items: passing work to a thread costs as much as hashing a small image."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
