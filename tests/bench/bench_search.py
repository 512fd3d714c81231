"""Search for near hashes among random ones: time, peak memory, and planted pairs found."""

import math
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from hemabalance.dataset.hamming import pairs_within


def search(count: int, seed: int, workers: int) -> dict[str, float]:
    """Search random hashes with 1,000 planted pairs within 6 bits; measure time and the peak memory of the process."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64, endpoint=False)
    planted = rng.choice(count, 2000, replace=False).reshape(2, 1000)
    flipped = (rng.choice(64, rng.integers(0, 7), replace=False) for _ in range(1000))
    flips = np.array([sum(1 << int(bit) for bit in bits) for bits in flipped], np.uint64)
    hashes[planted[1]] = hashes[planted[0]] ^ flips
    start = time.perf_counter()
    i, j, _ = pairs_within(hashes, 6, threads=workers, max_pairs=10_000_000)
    elapsed = time.perf_counter() - start
    pairs = set(zip(i.tolist(), j.tolist(), strict=True))
    hits = sum((min(a, b), max(a, b)) in pairs for a, b in planted.T.tolist())
    return {"seconds": elapsed, "planted": hits, "peak_gib": peak_memory()}


def peak_memory() -> float:
    """Peak memory of this process in GiB, NaN except on Linux; `ru_maxrss` would count its parent, too."""
    if not (status := Path("/proc/self/status")).exists():
        return math.nan
    lines = status.read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**20


def bench_search(counts: Sequence[int], seed: int, workers: int) -> None:
    """Print time and peak memory for so many hashes, each in a process of its own."""
    for count in counts:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            result = pool.submit(search, count, seed, workers).result()
        print(
            f"{count:,} random 64-bit hashes, radius 6, {workers} threads: {result['seconds']:.1f} s, "
            f"{result['planted']:.0f} of 1,000 planted pairs found, peak {result['peak_gib']:.2f} GiB"
        )
