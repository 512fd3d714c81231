"""All pairs of 64-bit hashes within a Hamming radius, exactly, without comparing every pair.

The method is block permutation: Manku, Jain & Das Sarma, "Detecting near-duplicates for web crawling", WWW 2007,
section 3; the number of blocks is chosen by cost, as in Norouzi, Punjani & Fleet, "Fast exact search in Hamming space
with multi-index hashing", PAMI 2014. The 64 bits are cut into radius + k blocks. Two hashes that differ in at most
`radius` bits differ in at most `radius` blocks, so they agree on k blocks at least: sorting by the bits of k blocks,
for every choice of k blocks, brings every such pair into one run of equal keys at least once.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from hemabalance.errors import InputError

BITS = 64
MAX_RADIUS = 16
# An odd stride spreads neighbouring bits, which are correlated in image hashes, over different blocks; with this one
# any eight consecutive steps also visit all columns of an 8 x 8 hash.
BIT_STRIDE = 39
# Measured nanoseconds: to key and sort one hash once, to compare one pair inside the runs, and to compare one pair
# when all are. They decide how long a search takes, never what it finds.
SORT_NS, COMPARE_NS, COMPARE_ALL_NS = 45.0, 4.5, 1.5
SAMPLED_PAIRS = 1 << 15
MAX_AGREEING = 6
# Sizes that keep the working arrays in the second-level cache.
SEGMENT = 1 << 16
TILE, TILE_COLUMNS = 1 << 16, 1 << 12
# From this length on a run is compared by itself, square tile by tile; shorter ones all together, offset by offset.
LONG_RUN = 256
# How much longer a comparison of scattered positions takes than one of two slices.
GATHER_COST = 5

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]
Blocks = list[tuple[int, int]]


def pairs_within(
    hashes: Hashes, radius: int, *, threads: int, max_pairs: int
) -> tuple[Indices, Indices, NDArray[np.uint8]]:
    """Find every pair of hashes that differ in at most `radius` bits.

    The result is exact and does not depend on `threads`. Identical hashes are searched once, so only the output grows
    with their number. Memory: about 40 bytes a hash, 24 more a hash for every thread, and 80 bytes a pair.

    Args:
        hashes: uint64, shape (n,), n >= 0 and below 2**31.
        radius: largest Hamming distance reported, bits, 0 to 16.
        threads: worker threads, 1 or more.
        max_pairs: refuse to return more pairs than this, 0 or more.

    Returns:
        (i, j, distance): int64, int64 and uint8 of shape (pairs,), positions in `hashes` with i < j, each pair once,
        sorted by (i, j), distance in bits.

    Raises:
        InputError: there are more than `max_pairs` pairs.
        ValueError: an argument outside the ranges above.
    """
    _check(hashes, radius, threads, max_pairs)
    spread = _spread_bits(hashes)
    order = np.argsort(spread, kind="stable")
    ranked = spread[order]
    del spread
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(ranked)), bool), ranked[1:] != ranked[:-1]]))
    counts = np.diff(starts, append=len(ranked))
    budget = _Budget(counts, max_pairs, radius)
    first, second = _near_pairs(ranked[starts], int(radius), threads, budget)
    i, j = _expand(order, starts, counts, first, second)
    key = np.sort(np.minimum(i, j) * len(hashes) + np.maximum(i, j))
    i, j = np.divmod(key, max(1, len(hashes)))
    return i, j, np.bitwise_count(hashes[i] ^ hashes[j])


def _check(hashes: Hashes, radius: int, threads: int, max_pairs: int) -> None:
    if hashes.dtype != np.uint64 or hashes.ndim != 1 or len(hashes) >= 1 << 31:
        raise ValueError(f"hashes must be uint64 of shape (n,), n < 2**31, not {hashes.dtype} {hashes.shape}")
    if radius not in range(MAX_RADIUS + 1):
        raise ValueError(f"radius must be a whole number of bits from 0 to {MAX_RADIUS}, not {radius!r}")
    if threads < 1 or max_pairs < 0:
        raise ValueError(f"threads must be at least 1 and max_pairs at least 0, not {threads} and {max_pairs}")


class _Budget:
    """Counts the pairs found so far and stops the search when there are too many to return."""

    def __init__(self, counts: Indices, max_pairs: int, radius: int) -> None:
        self.counts, self.max_pairs, self.radius = counts, max_pairs, radius
        self.lock, self.found = threading.Lock(), 0
        self.add(int((counts * (counts - 1) // 2).sum()))

    def spend(self, first: Indices, second: Indices) -> None:
        self.add(int((self.counts[first] * self.counts[second]).sum()))

    def add(self, pairs: int) -> None:
        with self.lock:
            self.found += pairs
            if self.found > self.max_pairs:
                raise InputError(
                    "image hashes",
                    f"more than {self.max_pairs:,} pairs are within {self.radius} bits of each other",
                    "Look for blank or repeated images, lower the radius, or allow more pairs if memory does",
                )


def _spread_bits(hashes: Hashes) -> Hashes:
    spread = np.zeros_like(hashes)
    for bit in range(BITS):
        moved = hashes >> np.uint64(bit * BIT_STRIDE % BITS)
        moved &= np.uint64(1)
        moved <<= np.uint64(bit)
        spread |= moved
    return spread


def _near_pairs(values: Hashes, radius: int, threads: int, budget: _Budget) -> tuple[Indices, Indices]:
    if radius == 0 or len(values) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    blocks, agreeing = _plan(values, radius)
    search = partial(_search, values, radius, blocks, budget)
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(search, combinations(range(len(blocks)), agreeing)))
    return np.concatenate([one for one, _ in found]), np.concatenate([two for _, two in found])


def _plan(values: Hashes, radius: int) -> tuple[Blocks, int]:
    """The blocks, as (lowest bit, width), and the number k to choose, that should take least time.

    Time = choices x hashes x SORT_NS + comparisons x COMPARE_NS. The comparisons are what independent random bits
    would give, or what a sample of pairs of these hashes gives where that is more. k = 0 compares every pair, at
    COMPARE_ALL_NS each: best for few hashes, or where their bits vary too little for a key to part them.
    """
    n = len(values)
    one, two = np.random.default_rng(0).integers(0, n, (2, SAMPLED_PAIRS))
    sample = (values[one] ^ values[two])[one != two]
    best, least = (_blocks(radius, 0), 0), n * n / 2 * COMPARE_ALL_NS
    for agreeing in range(1, MAX_AGREEING + 1):
        total = radius + agreeing
        blocks = _blocks(radius, agreeing)
        if sum(sorted(width for _, width in blocks)[-agreeing:]) + n.bit_length() > BITS:
            break
        agreed = sum((sample & _mask(block) == 0).astype(np.int64) for block in blocks)
        sampled = np.array([comb(count, agreeing) for count in range(total + 1)], float)[agreed].mean()
        choices = comb(total, agreeing)
        per_pair = max(float(sampled), choices * 2.0 ** (-BITS * agreeing / total))
        cost = choices * n * SORT_NS + n * n / 2 * per_pair * COMPARE_NS
        if cost < least:
            best, least = (blocks, agreeing), cost
    return best


def _blocks(radius: int, agreeing: int) -> Blocks:
    total = radius + agreeing if agreeing else 1
    edges = [BITS * number // total for number in range(total + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _mask(block: tuple[int, int]) -> np.uint64:
    low, width = block
    return np.uint64(((1 << width) - 1) << low)


def _search(
    values: Hashes, radius: int, blocks: Blocks, budget: _Budget, chosen: tuple[int, ...]
) -> tuple[Indices, Indices]:
    """The pairs of positions in `values` whose first agreeing blocks are just the `chosen` ones."""
    shift = np.uint64(len(values).bit_length())
    packed = _sorted_keys(values, [blocks[block] for block in chosen], shift)
    earlier = [_mask(blocks[block]) for block in range(max(chosen, default=0)) if block not in chosen]
    found: list[tuple[Indices, Indices]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    cuts = np.unique(np.searchsorted(packed, packed[::SEGMENT] >> shift << shift)).tolist()
    for begin, end in zip(cuts, [*cuts[1:], len(packed)], strict=True):
        part = packed[begin:end]
        where = (part & np.uint64((1 << int(shift)) - 1)).astype(np.int64)
        here = values[where]
        for left, right in _close_in_runs(here, part >> shift, radius):
            differ = here[left] ^ here[right]
            fresh = np.logical_and.reduce([differ & mask != 0 for mask in earlier]) if earlier else slice(None)
            pair = where[left[fresh]], where[right[fresh]]
            budget.spend(*pair)
            found.append(pair)
    return np.concatenate([one for one, _ in found]), np.concatenate([two for _, two in found])


def _sorted_keys(values: Hashes, blocks: Blocks, shift: np.uint64) -> Hashes:
    """The bits of `blocks` above, the position in `values` in the lowest `shift` bits; ascending."""
    packed = np.zeros_like(values)
    for low, width in blocks:
        packed <<= np.uint64(width)
        packed |= (values >> np.uint64(low)) & np.uint64((1 << width) - 1)
    packed <<= shift
    packed |= np.arange(len(values), dtype=np.uint64)
    packed.sort()
    return packed


def _close_in_runs(values: Hashes, keys: Hashes, radius: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs left < right of positions with equal keys whose values are within `radius` bits."""
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    lengths = np.diff(starts, append=len(keys))
    long = lengths >= LONG_RUN
    for begin, length in zip(starts[long].tolist(), lengths[long].tolist(), strict=True):
        yield from _close_in_long_run(values, begin, begin + length, radius)
    short = np.where(long, 0, lengths)
    room = np.repeat(starts + short, lengths) - np.arange(1, len(keys) + 1)
    yield from _close_in_short_runs(values, np.maximum(room, 0), radius)


def _close_in_short_runs(values: Hashes, room: Indices, radius: int) -> Iterator[tuple[Indices, Indices]]:
    """As above, where room[p] is how many positions after p belong to the same run."""
    left: Indices | None = None
    reaching = len(room) - np.cumsum(np.bincount(room))
    for offset, count in enumerate(reaching[:-1].tolist(), start=1):
        if count * GATHER_COST > len(room):
            hit = np.flatnonzero(np.bitwise_count(values[offset:] ^ values[:-offset]) <= radius)
            hit = hit[room[hit] >= offset]
        else:
            left = np.flatnonzero(room >= offset) if left is None else left[room[left] >= offset]
            hit = left[np.bitwise_count(values[left] ^ values[left + offset]) <= radius]
        if hit.size:
            yield hit, hit + offset


def _close_in_long_run(values: Hashes, begin: int, end: int, radius: int) -> Iterator[tuple[Indices, Indices]]:
    wide = min(end - begin, TILE_COLUMNS)
    tall = TILE // wide
    for top in range(begin, end, tall):
        rows = values[top : min(top + tall, end), None]
        for side in range(top, end, wide):
            columns = values[None, side : min(side + wide, end)]
            hit = np.flatnonzero(np.bitwise_count(rows ^ columns) <= radius)
            left, right = top + hit // columns.size, side + hit % columns.size
            if (upper := left < right).any():
                yield left[upper], right[upper]


def _expand(
    order: Indices, starts: Indices, counts: Indices, first: Indices, second: Indices
) -> tuple[Indices, Indices]:
    """Pairs of all hashes, from pairs of distinct hashes and from the groups of identical ones."""
    pair, within = _ragged(counts[first] * counts[second])
    wide = counts[second][pair]
    across = starts[first][pair] + within // wide, starts[second][pair] + within % wide
    del pair, wide
    ends = np.repeat(starts + counts, counts)
    member, within = _ragged(ends - np.arange(1, len(order) + 1))
    return (
        order[np.concatenate([across[0], member])],
        order[np.concatenate([across[1], member + 1 + within])],
    )


def _ragged(lengths: Indices) -> tuple[Indices, Indices]:
    """The row number and the position in the row of each element of rows of these lengths."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
