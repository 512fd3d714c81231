"""Pairs of hashes within a Hamming radius, compared with brute force."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hemabalance.dataset import hamming
from hemabalance.dataset.hamming import pairs_between, pairs_within
from hemabalance.errors import InputError

MANY = 10**7
Hashes = NDArray[np.uint64]
Pairs = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
HashGenerator = Callable[[np.random.Generator, int], Hashes]


def search(hashes: Hashes, radius: int, *, threads: int = 2, max_pairs: int = MANY) -> Pairs:
    return pairs_within(hashes, radius, threads=threads, max_pairs=max_pairs)


def brute_force(hashes: Hashes, radius: int) -> Pairs:
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    i, j = np.nonzero(np.triu(distance <= radius, k=1))
    return i, j, distance[i, j]


def assert_exact(hashes: Hashes, radius: int, **options: int) -> int:
    pairs, expected = search(hashes, radius, **options), brute_force(hashes, radius)
    assert [column.dtype for column in pairs] == [np.int64, np.int64, np.uint8]
    for column, expected_column in zip(pairs, expected, strict=True):
        np.testing.assert_array_equal(column, expected_column)
    return len(pairs[0])


def uniform(rng: np.random.Generator, n: int) -> Hashes:
    return rng.integers(0, 2**64, n, dtype=np.uint64)


def flipped(rng: np.random.Generator, hashes: Hashes, max_flips: int) -> Hashes:
    """Copies of the hashes, each with 0 to `max_flips` different bits inverted."""
    rank = np.argsort(rng.random((len(hashes), 64)), axis=1)
    flip = rank < rng.integers(0, max_flips + 1, len(hashes))[:, None]
    return hashes ^ np.packbits(flip, axis=1).view(np.uint64)[:, 0]


def planted(rng: np.random.Generator, n: int) -> Hashes:
    """Random hashes, half of them with a neighbour up to 20 bits away."""
    base = uniform(rng, n // 2)
    return rng.permutation(np.concatenate([base, flipped(rng, base, 20)]))


def clustered(rng: np.random.Generator, n: int) -> Hashes:
    """Clouds of 1 to about n / 4 hashes round a few centres."""
    centres = uniform(rng, 12)
    return flipped(rng, centres[np.minimum(rng.geometric(0.25, n) - 1, 11)], 14)


def few_high(rng: np.random.Generator, n: int) -> Hashes:
    """Three values of the high 40 bits."""
    high = uniform(rng, 3) >> np.uint64(24) << np.uint64(24)
    return rng.choice(high, n).astype(np.uint64) | uniform(rng, n) >> np.uint64(40)


def biased(rng: np.random.Generator, n: int) -> Hashes:
    """Every bit with its own probability, many of them nearly constant."""
    return np.packbits(rng.random((n, 64)) < rng.beta(0.4, 0.4, 64), axis=1).view(np.uint64)[:, 0]


def repeated(rng: np.random.Generator, n: int) -> Hashes:
    """Mostly blank images: a few values many times among random ones."""
    distinct = uniform(rng, n // 4)
    copies = rng.choice(flipped(rng, distinct[:6], 8), n - len(distinct))
    return rng.permutation(np.concatenate([distinct, copies]))


SHAPES = [uniform, planted, clustered, few_high, biased, repeated]


@pytest.mark.parametrize("generate", SHAPES)
def test_pairs_between_two_sets_equal_brute_force(generate: HashGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "TILE", 1000)
    hashes = generate(np.random.default_rng(3), 400)
    first, second = hashes[:150], hashes[150:]
    expected = np.nonzero(np.bitwise_count(first[:, None] ^ second[None]) <= 22)
    for found, right in zip(zip(*pairs_between(first, second, 22), strict=True), expected, strict=True):
        np.testing.assert_array_equal(np.concatenate(found), right)
    assert not list(pairs_between(first[:0], second, 22)) + list(pairs_between(first, second[:0], 22))


@pytest.mark.parametrize("generate", SHAPES)
@pytest.mark.parametrize("radius", range(17))
def test_equals_brute_force(generate: HashGenerator, radius: int) -> None:
    assert_exact(generate(np.random.default_rng(radius), 600), radius)


@pytest.mark.parametrize("generate", SHAPES)
@pytest.mark.parametrize(
    ("radius", "agreeing"), [(1, 1), (1, 3), (6, 0), (6, 1), (6, 2), (6, 4), (10, 1), (10, 3), (16, 0), (16, 2)]
)
def test_any_number_of_agreeing_blocks_is_exact(
    generate: HashGenerator, radius: int, agreeing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hamming, "_plan", lambda values, radius: (hamming._blocks(radius, agreeing), agreeing))
    monkeypatch.setattr(hamming, "SEGMENT", 64)
    monkeypatch.setattr(hamming, "LONG_RUN", 16)
    monkeypatch.setattr(hamming, "TILE", 64)
    monkeypatch.setattr(hamming, "TILE_COLUMNS", 24)
    assert_exact(generate(np.random.default_rng(agreeing), 150), radius)


@pytest.mark.parametrize("seed", range(60))
def test_random_sizes_shapes_and_radii(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    generate = SHAPES[rng.integers(len(SHAPES))]
    assert_exact(generate(rng, int(rng.integers(30, 900))), int(rng.integers(17)), threads=int(rng.integers(1, 5)))


@pytest.mark.parametrize("radius", [6, 10, 12])
def test_thousands_of_hashes(radius: int) -> None:
    rng = np.random.default_rng(radius)
    hashes = np.concatenate([planted(rng, 3000), biased(rng, 1500), few_high(rng, 500)])
    assert assert_exact(rng.permutation(hashes), radius) > 300


def test_planted_pairs_are_found_among_many() -> None:
    rng = np.random.default_rng(3)
    hashes = uniform(rng, 120_000)
    hashes[60_000:60_500] = flipped(rng, hashes[:500], 6)
    i, j, distance = search(hashes, 6)
    assert set(range(500)) <= {int(a) for a, b in zip(i, j, strict=True) if b == a + 60_000}
    np.testing.assert_array_equal(distance, np.bitwise_count(hashes[i] ^ hashes[j]))
    assert distance.max() <= 6


@pytest.mark.parametrize("radius", [0, 1, 10, 16])
@pytest.mark.parametrize("hashes", [[], [7], [7, 7], [7, 6], [0, 2**64 - 1], [0, 0, 2**16 - 1, 2**17 - 1]])
def test_smallest_inputs(hashes: list[int], radius: int) -> None:
    assert_exact(np.array(hashes, np.uint64), radius)


def test_pairs_exactly_at_the_radius_are_reported_and_one_bit_further_are_not() -> None:
    hashes = np.array([0, 2**10 - 1, 2**63 | (2**10 - 1)], np.uint64)
    i, j, distance = search(hashes, 10)
    assert list(zip(i, j, distance, strict=True)) == [(0, 1, 10), (1, 2, 1)]


def test_radius_zero_reports_identical_hashes_only() -> None:
    i, j, distance = search(np.array([5, 4, 5, 5, 4], np.uint64), 0)
    assert list(zip(i, j, strict=True)) == [(0, 2), (0, 3), (1, 4), (2, 3)]
    assert not distance.any()


def test_thread_count_does_not_change_the_result() -> None:
    hashes = clustered(np.random.default_rng(5), 4000)
    single, parallel = search(hashes, 8, threads=1), search(hashes, 8, threads=5)
    assert len(single[0]) > 1000
    for first, second in zip(single, parallel, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_input_is_not_modified_and_may_be_a_view() -> None:
    hashes = planted(np.random.default_rng(6), 800)
    hashes.setflags(write=False)
    before = hashes.copy()
    assert assert_exact(hashes[::-2], 12) > 0
    np.testing.assert_array_equal(hashes, before)


def test_the_cap_counts_all_pairs_and_is_inclusive() -> None:
    hashes = repeated(np.random.default_rng(7), 400)
    total = len(brute_force(hashes, 9)[0])
    assert len(search(hashes, 9, max_pairs=total)[0]) == total
    with pytest.raises(InputError, match=rf"more than {total - 1:,} pairs are within 9 bits"):
        search(hashes, 9, max_pairs=total - 1)


def test_a_million_identical_hashes_are_refused_not_compared() -> None:
    with pytest.raises(InputError, match=r"more than 1,000 pairs"):
        search(np.full(1_000_000, 3, np.uint64), 10, max_pairs=1000)


def test_no_pairs_satisfy_a_cap_of_zero() -> None:
    assert search(np.array([0, 2**64 - 1], np.uint64), 16, max_pairs=0)[0].size == 0


@pytest.mark.parametrize(
    "hashes",
    [np.zeros(3, np.int64), np.zeros(3, np.float64), np.zeros(3, ">u8"), np.zeros((2, 2), np.uint64), np.zeros(0)],
)
def test_hashes_of_another_type_or_shape_are_refused(hashes: Any) -> None:
    with pytest.raises(ValueError, match="hashes must be uint64"):
        search(hashes, 3)


@pytest.mark.parametrize("radius", [-1, 17, 2.5])
def test_a_radius_out_of_range_is_refused(radius: Any) -> None:
    with pytest.raises(ValueError, match="radius must be"):
        search(np.zeros(3, np.uint64), radius)


@pytest.mark.parametrize("options", [{"threads": 0}, {"max_pairs": -1}])
def test_no_threads_or_a_negative_cap_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        search(np.zeros(3, np.uint64), 3, **options)
