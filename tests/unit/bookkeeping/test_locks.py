"""Locks between processes."""

import subprocess
import sys
from pathlib import Path

import pytest

HOLDER = """
import os, sys
from pathlib import Path
from hemabalance.bookkeeping.locks import job_lock, locked
with {lock}:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
"""


JOB, LOCK = 'job_lock("results/x", Path(sys.argv[1]))', 'locked(Path(sys.argv[1], "a", "x.lock"))'


def process(state: Path, lock: str = JOB) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(lock=lock), str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_process_names_the_one_it_waits_for_and_continues_when_that_is_killed(tmp_path: Path) -> None:
    first = process(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == f"{first.pid}\n"
    second = process(tmp_path)
    assert second.stderr is not None
    message = second.stderr.readline()
    assert f"process {first.pid}, of a workflow that was killed, still runs this job" in message
    assert f"kill {first.pid}" in message
    assert second.poll() is None
    first.kill()
    first.communicate()
    out, _ = second.communicate("\n")
    assert out == f"{second.pid}\n"
    assert second.returncode == 0


def test_a_lock_is_held_by_one_process(tmp_path: Path) -> None:
    first = process(tmp_path, LOCK)
    assert first.stdout is not None
    assert first.stdout.readline() == f"{first.pid}\n"
    second = process(tmp_path, LOCK)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1)
    first.communicate("\n")
    out, err = second.communicate("\n")
    assert (out, err, second.returncode) == (f"{second.pid}\n", "", 0)


@pytest.mark.parametrize("lock", [JOB, LOCK])
def test_a_released_lock_is_free(tmp_path: Path, lock: str) -> None:
    for _ in range(2):
        holder = process(tmp_path, lock)
        out, err = holder.communicate("\n")
        assert (out, err, holder.returncode) == (f"{holder.pid}\n", "", 0)
