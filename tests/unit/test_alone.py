"""One process at a time does a job."""

import subprocess
import sys
from pathlib import Path

HOLDER = """
import os, sys
from pathlib import Path
from hemabalance.alone import alone
with alone("results/x", Path(sys.argv[1])):
    print(os.getpid(), flush=True)
    sys.stdin.readline()
"""


def process(state: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
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


def test_one_after_the_other_nobody_waits(tmp_path: Path) -> None:
    for _ in range(2):
        one = process(tmp_path)
        out, err = one.communicate("\n")
        assert (out, err, one.returncode) == (f"{one.pid}\n", "", 0)
