"""What `make bench` starts in processes of its own can be found there."""

import pytest

from bench.bench_search import bench_search


def test_the_search_runs_in_another_process_and_finds_what_was_planted(capsys: pytest.CaptureFixture[str]) -> None:
    bench_search((3000,), 1, 1)
    assert "3,000 random 64-bit hashes" in (out := capsys.readouterr().out)
    assert "1000 of 1,000 planted pairs found" in out
