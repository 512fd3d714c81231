"""One process at a time does a job."""

import subprocess
import sys
from pathlib import Path

import pytest

HOLDER = """
import os, sys
from pathlib import Path
from hemabalance.bookkeeping.locks import job_lock, locked
with {holding}:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
"""


JOB, LOCK = 'job_lock("results/x", Path(sys.argv[1]))', 'locked(Path(sys.argv[1], "a", "x.lock"))'


def process(state: Path, holding: str = JOB) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(holding=holding), str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_process_says_for_whom_it_waits_and_goes_on_when_that_one_is_killed(tmp_path: Path) -> None:
    first = process(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == f"{first.pid}\n"
    second = process(tmp_path)
    assert second.stderr is not None
    told = second.stderr.readline()
    assert f"process {first.pid}, of a workflow that was killed, still makes this" in told
    assert f"kill {first.pid}" in told
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


@pytest.mark.parametrize("holding", [JOB, LOCK])
def test_one_after_the_other_nobody_waits(tmp_path: Path, holding: str) -> None:
    for _ in range(2):
        one = process(tmp_path, holding)
        out, err = one.communicate("\n")
        assert (out, err, one.returncode) == (f"{one.pid}\n", "", 0)
