"""Parsed trees are kept between processes, by content and by the version of the code that parses."""

import atexit
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hemabalance.bookkeeping import tree_cache
from hemabalance.bookkeeping.tree_cache import FILE, TreeCache

CONTENT, ENTRY = b"import a\n", ("hash", ["a"])


@pytest.fixture
def at_end(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What a process does when it ends."""
    calls: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", lambda call, *args: calls.append(lambda: call(*args)))
    return calls


def opened(state: Path, version: bytes = b"1") -> TreeCache:
    cache = TreeCache()
    cache.open(state, version=version)
    return cache


def test_the_next_process_finds_what_this_one_parsed(tmp_path: Path, at_end: list[Callable[[], None]]) -> None:
    first = opened(tmp_path)
    assert first.get(CONTENT) is None
    assert first.put(CONTENT, ENTRY) == ENTRY
    at_end.pop()()
    assert opened(tmp_path).get(CONTENT) == ENTRY
    assert opened(tmp_path).get(CONTENT + b"#") is None
    assert opened(tmp_path, b"2").get(CONTENT) is None


def test_nothing_is_written_without_anything_new(tmp_path: Path, at_end: list[Callable[[], None]]) -> None:
    opened(tmp_path).get(CONTENT)
    at_end.pop()()
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("text", ["", "[1]", '{"key": 1}', '{"key": '])
def test_a_damaged_file_is_written_again(tmp_path: Path, at_end: list[Callable[[], None]], text: str) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(text)
    cache = opened(tmp_path)
    assert cache.get(CONTENT) is None
    cache.put(CONTENT, ENTRY)
    at_end.pop()()
    assert opened(tmp_path).get(CONTENT) == ENTRY


def test_a_large_file_keeps_what_was_used(
    tmp_path: Path, at_end: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_cache, "MOST", 2)
    cache = opened(tmp_path)
    cache.put(b"old", ENTRY)
    cache.put(b"older", ENTRY)
    at_end.pop()()
    cache = opened(tmp_path)
    cache.get(b"old")
    cache.put(CONTENT, ENTRY)
    at_end.pop()()
    assert len(json.loads((tmp_path / FILE).read_text())) == 2
    assert opened(tmp_path).get(b"older") is None


def test_a_folder_that_cannot_be_written_loses_time_only(tmp_path: Path, at_end: list[Callable[[], None]]) -> None:
    (tmp_path / FILE).parent.write_text("a file")
    opened(tmp_path).put(CONTENT, ENTRY)
    at_end.pop()()
