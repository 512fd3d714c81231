import errno
import hashlib
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.full_disk import largest_file
from hemabalance import progress as progress_module
from hemabalance.errors import InputError
from hemabalance.files import CHUNK, atomic_path, sha256_file, write_json
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import progress


def write(target: Path, content: bytes, error: BaseException | None = None) -> None:
    with atomic_path(target) as part:
        part.write_bytes(content)
        assert target.with_name(target.name + ".part") == part
        if error is not None:
            raise error


def test_complete_file_appears_in_new_folders(tmp_path: Path) -> None:
    target = tmp_path / "new/folders/out.bin"
    with atomic_path(str(target)) as part:
        part.write_bytes(b"complete")
        assert not target.exists()
    assert target.read_bytes() == b"complete"
    assert [path.name for path in target.parent.iterdir()] == ["out.bin"]


def test_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    write(target, b"old")
    write(target, b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(
    "error", [ValueError("bad"), KeyboardInterrupt(), SystemExit(1), OSError(errno.EIO, "broken disk")], ids=repr
)
@pytest.mark.parametrize("old", [None, b"old"])
def test_error_leaves_the_folder_unchanged(tmp_path: Path, error: BaseException, old: bytes | None) -> None:
    target = tmp_path / "out.bin"
    if old is not None:
        target.write_bytes(old)
    with pytest.raises(type(error)) as caught:
        write(target, b"half", error)
    assert caught.value is error
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == ([("out.bin", old)] if old else [])


def test_file_that_was_not_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out.bin"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_file_size_limit(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    with pytest.raises(InputError, match="larger than its disk") as caught, largest_file(1000):
        write(target, bytes(2000))
    assert caught.value.where == str(target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "problem"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "disk is full"), (errno.EFBIG, "larger than its disk")],
)
def test_no_space(tmp_path: Path, number: int, problem: str) -> None:
    target = tmp_path / "out.bin"
    with pytest.raises(InputError, match=problem) as caught:
        write(target, b"half", OSError(number, "…"))
    assert caught.value.where == str(target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_folder_that_cannot_be_written_to(tmp_path: Path, number: int) -> None:
    target = tmp_path / "out.bin"
    with pytest.raises(InputError, match="cannot be written to") as caught:
        write(target, b"half", OSError(number, "…", str(target) + ".part"))
    assert caught.value.where == str(tmp_path)


@pytest.mark.parametrize("inner", ["", "deeper/"])
def test_folder_that_is_a_file(tmp_path: Path, inner: str) -> None:
    (tmp_path / "results").write_bytes(b"mine")
    with pytest.raises(InputError, match="cannot be written to"):
        write(tmp_path / f"results/{inner}out.bin", b"")
    assert (tmp_path / "results").read_bytes() == b"mine"


def test_error_about_another_file_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        write(tmp_path / "out.bin", b"", PermissionError(errno.EACCES, "Permission denied", "elsewhere/archive.zip"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1])
def test_sha256_file(tmp_path: Path, size: int) -> None:
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    (tmp_path / "x").write_bytes(content)
    assert sha256_file(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_write_json(tmp_path: Path) -> None:
    write_json({"name": "Größe", "n": [1, 2]}, tmp_path / "x.json")
    text = (tmp_path / "x.json").read_text("utf-8")
    assert json.loads(text) == {"name": "Größe", "n": [1, 2]}
    assert "Größe" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), {1, 2}], ids=["nan", "set"])
def test_write_json_refuses_other_values(tmp_path: Path, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        write_json(value, tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_lazy_and_logs_the_end(caplog: pytest.LogCaptureFixture) -> None:
    items = iter(range(3))
    with caplog.at_level(logging.INFO):
        results = progress(items, total=3, what="decoding", unit="cell")
        assert next(results) == 0
        assert next(items) == 1
        assert list(results) == [2]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("decoding: 2/3 cells, ")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (5, ["2/5 images, 0.2 images/s, 15 s left", "4/5 images, 0.2 images/s, 5 s left"]),
        (10, [f"{n}/5 images, 0.1 images/s, {50 - 10 * n} s left" for n in (1, 2, 3, 4)]),
    ],
)
def test_progress_logs_rate_and_time_left(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, step: int, expected: list[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress_module, "time", SimpleNamespace(monotonic=lambda: now))

    def items() -> Iterator[int]:
        nonlocal now
        for n in range(5):
            now += step
            yield n

    with caplog.at_level(logging.INFO):
        assert list(progress(items(), total=5, what="hashing")) == list(range(5))
    last = f"5/5 images, {1 / step:.1f} images/s in {5 * step:.1f} s"
    assert caplog.messages == [f"hashing: {line}" for line in [*expected, last]]


def test_progress_without_items(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert list(progress([], total=0, what="hashing")) == []
    assert caplog.messages[0].startswith("hashing: 0/0 images")


def test_progress_on_a_terminal(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with caplog.at_level(logging.INFO):
        assert list(progress(range(5), total=5, what="hashing")) == list(range(5))
    assert "hashing: 100%" in terminal.getvalue()
    assert caplog.messages == []


many_threads = pytest.mark.parametrize("threads", [1, 2, 7])


@many_threads
@pytest.mark.parametrize("count", [0, 1, 200])
def test_threaded_map_keeps_the_order(threads: int, count: int) -> None:
    assert list(threaded_map(lambda n: n * n, range(count), threads=threads)) == [n * n for n in range(count)]


def test_threaded_map_uses_its_threads() -> None:
    meeting = threading.Barrier(3)
    assert len(set(threaded_map(lambda _: (meeting.wait(30), threading.get_ident()), range(3), threads=3))) == 3


@many_threads
def test_threaded_map_keeps_few_results_in_memory(threads: int) -> None:
    items = iter(range(500))
    results = threaded_map(abs, items, threads=threads)
    assert next(results) == 0
    assert next(items) <= 8 * threads
    assert len(list(results)) == 498


@pytest.mark.parametrize(("threads", "ahead"), [(1, 50), (2, 1), (2, 50), (7, 50)])
def test_threaded_map_looks_ahead_as_far_as_it_is_told(threads: int, ahead: int) -> None:
    items = iter(range(500))
    results = threaded_map(abs, items, threads=threads, ahead=ahead)
    assert next(results) == 0
    assert next(items) == (1 if threads == 1 else ahead)
    assert list(results) == [n for n in range(1, 500) if n != (1 if threads == 1 else ahead)]


def test_threaded_map_works_while_the_caller_does() -> None:
    started = threading.Semaphore(0)

    def counted(n: int) -> int:
        started.release()
        return n

    results = threaded_map(counted, range(100), threads=2, ahead=40)
    assert next(results) == 0
    assert all(started.acquire(timeout=30) for _ in range(40))
    assert not started.acquire(timeout=0.05)
    assert list(results) == list(range(1, 100))


def fails_at_40(n: int) -> int:
    if n == 40:
        raise LookupError(n)
    return n


@many_threads
def test_threaded_map_passes_errors_of_the_function(threads: int) -> None:
    results = threaded_map(fails_at_40, range(500), threads=threads)
    assert list(islice(results, 40)) == list(range(40))
    with pytest.raises(LookupError):
        next(results)


@many_threads
def test_threaded_map_passes_errors_of_the_items(threads: int) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        list(threaded_map(abs, items(), threads=threads))


@many_threads
def test_threaded_map_can_be_closed_early(threads: int) -> None:
    before = threading.active_count()
    results = threaded_map(abs, range(10**9), threads=threads)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (3, [3]), (4, [4]), (9, [4, 4, 1])])
def test_batched_loses_nothing(count: int, sizes: list[int]) -> None:
    batches = list(batched(range(count), 4))
    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == list(range(count))
