"""An ordered, bounded map over a thread pool, for work that releases the GIL (decoding, hashing, resizing)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def threaded_map(function: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`; at most 8 results per thread wait in memory."""
    if threads == 1:
        yield from map(function, items)
        return
    futures: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                futures.append(pool.submit(function, item))
                if len(futures) >= 8 * threads:
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
