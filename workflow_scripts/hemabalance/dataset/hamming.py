"""Find all pairs of 64-bit hashes within a Hamming radius, exactly, without comparing every pair.

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
# An odd stride spreads neighbouring bits, which are correlated in image hashes, over different blocks. With this stride
# any eight consecutive steps also visit all columns of an 8 x 8 hash.
BIT_STRIDE = 39
# Measured nanoseconds: to key and sort one hash once, to compare one pair inside the runs, and to compare one pair in
# an exhaustive comparison. They affect the time of a search, not its result.
SORT_NS, COMPARE_NS, COMPARE_ALL_NS = 45.0, 4.5, 1.5
SAMPLED_PAIRS = 1 << 15
MAX_AGREEING = 6
# Sizes that keep the working arrays in the second-level cache.
SEGMENT = 1 << 16
TILE, TILE_COLUMNS = 1 << 16, 1 << 12
# Runs of at least this length are compared one by one in square tiles, shorter runs together, offset by offset.
LONG_RUN = 256
# Time of comparing scattered positions, relative to comparing two slices.
GATHER_COST = 5

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]
Blocks = list[tuple[int, int]]


def pairs_within(
    hashes: Hashes, radius: int, *, threads: int, max_pairs: int
) -> tuple[Indices, Indices, NDArray[np.uint8]]:
    """Find every pair of hashes that differ in at most `radius` bits.

    The result is exact and does not depend on `threads`. Identical hashes are searched once, so only the output grows
    with their number. Memory: about 40 bytes per hash, 24 more per hash and thread, and 80 bytes per pair.

    Args:
        hashes: uint64, shape (n,), n >= 0 and below 2**31.
        radius: largest Hamming distance reported, bits, 0 to 16.
        threads: worker threads, 1 or more.
        max_pairs: largest number of pairs to return, 0 or more.

    Returns:
        (i, j, distance): int64, int64 and uint8 of shape (pairs,), positions in `hashes` with i < j, each pair once,
        sorted by (i, j), distance in bits.

    Raises:
        InputError: there are more than `max_pairs` pairs.
        ValueError: an argument is outside the ranges above.
    """
    _check(hashes, radius, threads, max_pairs)
    permuted = _permute_bits(hashes)
    order = np.argsort(permuted, kind="stable")
    ranked = permuted[order]
    del permuted
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(ranked)), bool), ranked[1:] != ranked[:-1]]))
    counts = np.diff(starts, append=len(ranked))
    budget = _Budget(counts, max_pairs, radius)
    first, second = _near_pairs(ranked[starts], int(radius), threads, budget)
    i, j = _expand(order, starts, counts, first, second)
    key = np.sort(np.minimum(i, j) * len(hashes) + np.maximum(i, j))
    i, j = np.divmod(key, max(1, len(hashes)))
    return i, j, np.bitwise_count(hashes[i] ^ hashes[j])


def pairs_between(first: Hashes, second: Hashes, radius: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield the pairs of a hash of `first` and a hash of `second` that differ in at most `radius` bits.

    Every pair is compared: about 1 s for 10,000 x 150,000.

    Args:
        first, second: uint64 (n,) and (m,).
        radius: bits.

    Yields:
        Positions in `first` and in `second`, in parts sorted by both.
    """
    step = max(1, 4 * TILE // max(1, len(second)))
    for start in range(0, len(first), step):
        hit = np.flatnonzero(np.bitwise_count(first[start : start + step, None] ^ second) <= radius)
        if hit.size:
            yield start + hit // len(second), hit % len(second)


def too_many_pairs(max_pairs: int, radius: int) -> InputError:
    """The error of a search that finds more than `max_pairs` pairs."""
    return InputError(
        "image hashes",
        f"more than {max_pairs:,} pairs are within {radius} bits of each other",
        "Check for blank or repeated images, lower the radius, or allow more pairs if memory suffices",
    )


def _check(hashes: Hashes, radius: int, threads: int, max_pairs: int) -> None:
    if hashes.dtype != np.uint64 or hashes.ndim != 1 or len(hashes) >= 1 << 31:
        raise ValueError(f"hashes must be uint64 of shape (n,), n < 2**31, not {hashes.dtype} {hashes.shape}")
    if radius not in range(MAX_RADIUS + 1):
        raise ValueError(f"radius must be a whole number of bits from 0 to {MAX_RADIUS}, not {radius!r}")
    if threads < 1 or max_pairs < 0:
        raise ValueError(f"threads must be at least 1 and max_pairs at least 0, not {threads} and {max_pairs}")


class _Budget:
    """Count the pairs found so far; raise InputError when there are too many to return."""

    def __init__(self, counts: Indices, max_pairs: int, radius: int) -> None:
        self.counts, self.max_pairs, self.radius = counts, max_pairs, radius
        self.lock, self.count = threading.Lock(), 0
        self.add(int((counts * (counts - 1) // 2).sum()))

    def add_pairs(self, first: Indices, second: Indices) -> None:
        self.add(int((self.counts[first] * self.counts[second]).sum()))

    def add(self, pairs: int) -> None:
        with self.lock:
            self.count += pairs
            if self.count > self.max_pairs:
                raise too_many_pairs(self.max_pairs, self.radius)


def _permute_bits(hashes: Hashes) -> Hashes:
    permuted = np.zeros_like(hashes)
    for bit in range(BITS):
        shifted_bits = hashes >> np.uint64(bit * BIT_STRIDE % BITS)
        shifted_bits &= np.uint64(1)
        shifted_bits <<= np.uint64(bit)
        permuted |= shifted_bits
    return permuted


def _near_pairs(values: Hashes, radius: int, threads: int, budget: _Budget) -> tuple[Indices, Indices]:
    if radius == 0 or len(values) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    blocks, agreeing = _plan(values, radius)
    search = partial(_search, values, radius, blocks, budget)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(search, combinations(range(len(blocks)), agreeing)))
    return np.concatenate([first for first, _ in parts]), np.concatenate([second for _, second in parts])


def _plan(values: Hashes, radius: int) -> tuple[Blocks, int]:
    """Return the blocks, as (lowest bit, width), and the number k of agreeing blocks with the least estimated time.

    Time = choices x hashes x SORT_NS + comparisons x COMPARE_NS. The number of comparisons is the larger of two
    estimates: for independent random bits, and from a sample of pairs of these hashes. k = 0 compares every pair, at
    COMPARE_ALL_NS each: fastest for few hashes, or if their bits vary too little to separate them by a key.
    """
    n = len(values)
    first, second = np.random.default_rng(0).integers(0, n, (2, SAMPLED_PAIRS))
    sample = (values[first] ^ values[second])[first != second]
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
    """Return the pairs of positions in `values` whose first agreeing blocks are exactly the `chosen` ones."""
    shift = np.uint64(len(values).bit_length())
    keys = _sorted_keys(values, [blocks[block] for block in chosen], shift)
    earlier = [_mask(blocks[block]) for block in range(max(chosen, default=0)) if block not in chosen]
    pairs: list[tuple[Indices, Indices]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    cuts = np.unique(np.searchsorted(keys, keys[::SEGMENT] >> shift << shift)).tolist()
    for start, end in zip(cuts, [*cuts[1:], len(keys)], strict=True):
        part = keys[start:end]
        positions = (part & np.uint64((1 << int(shift)) - 1)).astype(np.int64)
        part_values = values[positions]
        for left, right in _close_in_runs(part_values, part >> shift, radius):
            differing = part_values[left] ^ part_values[right]
            is_new = np.logical_and.reduce([differing & mask != 0 for mask in earlier]) if earlier else slice(None)
            pair = positions[left[is_new]], positions[right[is_new]]
            budget.add_pairs(*pair)
            pairs.append(pair)
    return np.concatenate([first for first, _ in pairs]), np.concatenate([second for _, second in pairs])


def _sorted_keys(values: Hashes, blocks: Blocks, shift: np.uint64) -> Hashes:
    """Return sorted keys: the bits of `blocks`, then the position in `values` in the lowest `shift` bits."""
    keys = np.zeros_like(values)
    for low, width in blocks:
        keys <<= np.uint64(width)
        keys |= (values >> np.uint64(low)) & np.uint64((1 << width) - 1)
    keys <<= shift
    keys |= np.arange(len(values), dtype=np.uint64)
    keys.sort()
    return keys


def _close_in_runs(values: Hashes, keys: Hashes, radius: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs left < right of positions with equal keys whose values are within `radius` bits."""
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    lengths = np.diff(starts, append=len(keys))
    long = lengths >= LONG_RUN
    for start, length in zip(starts[long].tolist(), lengths[long].tolist(), strict=True):
        yield from _close_in_long_run(values, start, start + length, radius)
    short = np.where(long, 0, lengths)
    remaining = np.repeat(starts + short, lengths) - np.arange(1, len(keys) + 1)
    yield from _close_in_short_runs(values, np.maximum(remaining, 0), radius)


def _close_in_short_runs(values: Hashes, remaining: Indices, radius: int) -> Iterator[tuple[Indices, Indices]]:
    """Yield the pairs within short runs; remaining[p] is the number of positions after p in the same run."""
    left: Indices | None = None
    reaching = len(remaining) - np.cumsum(np.bincount(remaining))
    for offset, count in enumerate(reaching[:-1].tolist(), start=1):
        if count * GATHER_COST > len(remaining):
            hit = np.flatnonzero(np.bitwise_count(values[offset:] ^ values[:-offset]) <= radius)
            hit = hit[remaining[hit] >= offset]
        else:
            left = np.flatnonzero(remaining >= offset) if left is None else left[remaining[left] >= offset]
            hit = left[np.bitwise_count(values[left] ^ values[left + offset]) <= radius]
        if hit.size:
            yield hit, hit + offset


def _close_in_long_run(values: Hashes, start: int, end: int, radius: int) -> Iterator[tuple[Indices, Indices]]:
    width = min(end - start, TILE_COLUMNS)
    height = TILE // width
    for top in range(start, end, height):
        rows = values[top : min(top + height, end), None]
        for side in range(top, end, width):
            columns = values[None, side : min(side + width, end)]
            hit = np.flatnonzero(np.bitwise_count(rows ^ columns) <= radius)
            left, right = top + hit // columns.size, side + hit % columns.size
            if (upper := left < right).any():
                yield left[upper], right[upper]


def _expand(
    order: Indices, starts: Indices, counts: Indices, first: Indices, second: Indices
) -> tuple[Indices, Indices]:
    """Return the pairs of all hashes, given the pairs of distinct hashes and the groups of identical hashes."""
    pair, within = _ragged(counts[first] * counts[second])
    second_counts = counts[second][pair]
    distinct = starts[first][pair] + within // second_counts, starts[second][pair] + within % second_counts
    del pair, second_counts
    ends = np.repeat(starts + counts, counts)
    member, within = _ragged(ends - np.arange(1, len(order) + 1))
    return (
        order[np.concatenate([distinct[0], member])],
        order[np.concatenate([distinct[1], member + 1 + within])],
    )


def _ragged(lengths: Indices) -> tuple[Indices, Indices]:
    """Return the row number and the position in the row of each element of rows with these lengths."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
